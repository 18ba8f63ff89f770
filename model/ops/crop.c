/* SPDX-License-Identifier: MIT */
/* crop.c - y = the first attr.size[0] items of attr.axis and the first attr.size[1] items of the axis behind it.
 * in: x of at least axis + 2 dims. out: x's shape with these two dims. FLOPs: 0. Only what is kept is read. */
#include "model/access.h"
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

#include <string.h>

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    int axis = op->attr.axis;
    const int64_t *size = op->attr.size;
    char text[VIT_SHAPE_TEXT];
    if (axis < 0 || axis + 1 >= x->ndim)
        return vit_op_fail(op, "axes %d and %d of input %s", axis, axis + 1, vit_shape_text(x, text));
    if (size[0] < 1 || size[1] < 1 || size[0] > x->dim[axis] || size[1] > x->dim[axis + 1])
        return vit_op_fail(op, "cannot crop axes %d and %d of input %s to %lld and %lld", axis, axis + 1,
                           vit_shape_text(x, text), (long long)size[0], (long long)size[1]);
    vit_op_shape(op, x->ndim, x->dim);
    op->out[0]->dim[axis] = size[0];
    op->out[0]->dim[axis + 1] = size[1];
    return VIT_OK;
}

static int64_t reads(const struct vit_op *op, int input)
{
    (void)input;
    return vit_numel(op->out[0]);
}

/* Copies, or names what that touches. */
static void walk(const struct vit_step *step, struct vit_access *access)
{
    struct vit_box_copy copy = {.y = step->op->out[0], .x = step->op->in[0]};
    for (int a = 0; a < copy.y->ndim; a++)
        copy.dim[a] = copy.y->dim[a];
    vit_box_copy(step->pool, access, &copy);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* dx = dy where it was kept, 0 elsewhere. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const bool adds = vit_step_adds(step, 0);
    struct vit_box_copy copy = {.y = step->op->in[0]->grad, .x = step->op->out[0]->grad, .adds = adds};
    if (!adds && access)
        vit_access_write(access, copy.y->data, vit_nbytes(copy.y));
    else if (!adds)
        memset(copy.y->data, 0, vit_nbytes(copy.y));
    for (int a = 0; a < copy.x->ndim; a++)
        copy.dim[a] = copy.x->dim[a];
    vit_box_copy(step->pool, access, &copy);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_crop = {.name = "crop",
                                       .op_class = VIT_CLASS_MOVEMENT,
                                       .min_in = 1,
                                       .max_in = 1,
                                       .infer = infer,
                                       .cpu = kernels,
                                       .backward = way_back,
                                       .reads = reads};
