/* SPDX-License-Identifier: MIT */
/* add.c - y = a + b: elementwise sum.
 * a: (...), b: dims right-aligned to a's, each equal or 1 (numpy broadcasting of b only), y: shape of a.
 * FLOPs: one per element. */
#include "model/elementwise_back.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

static void forward(const struct vit_step *step)
{
    const struct vit_kernel_set *set = vit_kernels();
    vit_broadcast_forward(step, (struct vit_broadcast_kernel){.rows = set->add_rows, .scalars = set->add_scalars});
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = vit_numel(op->out[0]);
}

static void backward(const struct vit_step *step)
{
    vit_broadcast_backward(step, NULL, false);
}

static void back_stream(const struct vit_step *step, struct vit_access *access)
{
    vit_broadcast_backward(step, access, false);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 1 * vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_add = {
    .name = "add",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 2,
    .max_in = 2,
    .infer = vit_broadcast_infer,
    .cost = cost,
    .backward = (const struct vit_kernel[]){{.name = "rows", .forward = backward, .stream = back_stream}, {0}},
    .backward_reads = 0,
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = vit_broadcast_stream}, {0}},
};
