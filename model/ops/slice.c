/* SPDX-License-Identifier: MIT */
/* slice.c - y = items attr.start .. attr.start + attr.length of x along attr.axis.
 * in: x of any shape. out: x's shape with dim[axis] = length. FLOPs: 0. Only what is kept is read. */
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

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

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

const struct vit_op_def vit_op_slice = {.name = "slice",
                                        .op_class = VIT_CLASS_MOVEMENT,
                                        .min_in = 1,
                                        .max_in = 1,
                                        .infer = infer,
                                        .cpu = kernels,
                                        .reads = reads};
