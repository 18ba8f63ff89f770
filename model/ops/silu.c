/* SPDX-License-Identifier: MIT */
/* silu.c - y = x / (1 + exp(-x)).
 * x, y: any equal shape.
 * FLOPs: 5 per element (negation, exponential, addition, division, product). */
#include "model/elementwise_back.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

static void forward(const struct vit_step *step)
{
    vit_unary_forward(step, vit_kernels()->silu);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 5 * vit_numel(op->out[0]);
}

static void backward(const struct vit_step *step)
{
    vit_unary_backward(step, vit_kernels()->silu_back);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 8 * vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_silu = {
    .name = "silu",
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
