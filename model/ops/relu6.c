/* SPDX-License-Identifier: MIT */
/* relu6.c - y = min(max(x, 0), 6) (Sandler et al. 2018, arXiv 1801.04381); NaN stays NaN.
 * dL/dx = dL/dy between 0 and 6, else 0.
 * x, y: any equal shape.
 * FLOPs: 2 per element. */
#include "model/elementwise_back.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

static void forward(const struct vit_step *step)
{
    vit_unary_forward(step, vit_kernels()->relu6);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 2 * vit_numel(op->out[0]);
}

static void backward(const struct vit_step *step)
{
    vit_unary_backward(step, vit_kernels()->relu6_back);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_relu6 = {
    .name = "relu6",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 1,
    .max_in = 1,
    .infer = vit_op_infer_same,
    .cost = cost,
    .backward =
        (const struct vit_kernel[]){{.name = "vector", .forward = backward, .stream = vit_unary_back_stream}, {0}},
    .backward_reads = VIT_READS_IN(0),
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "vector", .forward = forward, .stream = vit_unary_stream}, {0}},
};
