/* SPDX-License-Identifier: MIT */
/* relu.c - y = max(x, 0); NaN stays NaN.
 * x, y: any equal shape.
 * FLOPs: one per element. */
#include "model/elementwise_back.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

static void forward(const struct vit_step *step)
{
    vit_unary_forward(step, vit_kernels()->relu);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = vit_numel(op->out[0]);
}

static void backward(const struct vit_step *step)
{
    vit_unary_backward(step, vit_kernels()->relu_back);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 1 * vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_relu = {
    .name = "relu",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 1,
    .max_in = 1,
    .infer = vit_op_infer_same,
    .cost = cost,
    .backward =
        (const struct vit_kernel[]){{.name = "vector", .forward = backward, .stream = vit_unary_back_stream}, {0}},
    .backward_reads = VIT_READS_OUT(0),
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "vector", .forward = forward, .stream = vit_unary_stream}, {0}},
};
