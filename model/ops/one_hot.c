/* SPDX-License-Identifier: MIT */
/* one_hot.c - y = 1 at the largest element of each row, the first of equals, and 0 elsewhere: the class that a teacher
 * finds likeliest, as a target. x, y (B, C). No way back: y is constant almost everywhere. FLOPs: 1 per element. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/plan.h"

static int infer(struct vit_op *op)
{
    char text[VIT_SHAPE_TEXT];
    if (op->in[0]->ndim != 2)
        return vit_op_fail(op, "input %s must be (batch, classes)", vit_shape_text(op->in[0], text));
    return vit_op_infer_same(op);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = vit_numel(op->in[0]);
}

static void row_forward(void *context, int64_t row, int worker)
{
    const struct vit_op *op = context;
    const int64_t classes = op->in[0]->dim[1];
    const vit_real *x = op->in[0]->data + row * classes;
    vit_real *y = op->out[0]->data + row * classes;
    int64_t largest = 0;
    (void)worker;
    for (int64_t k = 1; k < classes; k++)
        largest = x[k] > x[largest] ? k : largest;
    for (int64_t k = 0; k < classes; k++)
        y[k] = k == largest;
}

static void forward(const struct vit_step *step)
{
    struct vit_op op = *step->op;
    vit_parallel_for(step->pool, op.in[0]->dim[0], row_forward, &op);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const int64_t rows = op->in[0]->dim[0], classes = op->in[0]->dim[1];
    for (int64_t i = 0; i < rows; i++) {
        vit_access_read(access, op->in[0]->data + i * classes, (size_t)classes * sizeof(vit_real));
        vit_access_write(access, op->out[0]->data + i * classes, (size_t)classes * sizeof(vit_real));
    }
}

const struct vit_op_def vit_op_one_hot = {
    .name = "one_hot",
    .op_class = VIT_CLASS_REDUCTION,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = stream}, {0}},
};
