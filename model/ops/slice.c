/* SPDX-License-Identifier: MIT */
/* slice.c - y = items attr.start .. attr.start + attr.length of x along attr.axis.
 * in: x of any shape. out: x's shape with dim[axis] = length. FLOPs: 0. Only what is kept is read. */
#include "model/access.h"
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

#include <string.h>

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    const struct vit_attr *attr = &op->attr;
    char text[VIT_SHAPE_TEXT];
    if (attr->axis < 0 || attr->axis >= x->ndim)
        return vit_op_fail(op, "axis %d of input %s", attr->axis, vit_shape_text(x, text));
    if (attr->start < 0 || attr->length < 1 || attr->start > x->dim[attr->axis] - attr->length)
        return vit_op_fail(op, "items %lld+%lld along axis %d of input %s", (long long)attr->start,
                           (long long)attr->length, attr->axis, vit_shape_text(x, text));
    vit_op_shape(op, x->ndim, x->dim);
    op->out[0]->dim[attr->axis] = attr->length;
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
    const struct vit_op *op = step->op;
    struct vit_box_copy copy = {.y = op->out[0], .x = op->in[0]};
    for (int a = 0; a < copy.y->ndim; a++)
        copy.dim[a] = copy.y->dim[a];
    copy.x_start[op->attr.axis] = op->attr.start;
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
    const struct vit_op *op = step->op;
    const bool adds = vit_step_adds(step, 0);
    struct vit_box_copy copy = {.y = op->in[0]->grad, .x = op->out[0]->grad, .adds = adds};
    if (!adds && access)
        vit_access_write(access, copy.y->data, vit_nbytes(copy.y));
    else if (!adds)
        memset(copy.y->data, 0, vit_nbytes(copy.y));
    for (int a = 0; a < copy.x->ndim; a++)
        copy.dim[a] = copy.x->dim[a];
    copy.y_start[op->attr.axis] = op->attr.start;
    vit_box_copy(step->pool, access, &copy);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_slice = {.name = "slice",
                                        .op_class = VIT_CLASS_MOVEMENT,
                                        .min_in = 1,
                                        .max_in = 1,
                                        .infer = infer,
                                        .cpu = kernels,
                                        .backward = way_back,
                                        .reads = reads};
