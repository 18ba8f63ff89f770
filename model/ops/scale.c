/* SPDX-License-Identifier: MIT */
/* scale.c - y = x * scale.
 * x, y: any equal shape; attribute: scale.
 * FLOPs: one per element. */
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

static void piece_of(void *context, int64_t piece, int worker)
{
    const struct vit_op *op = context;
    (void)worker;
    int64_t begin = piece * VIT_PIECE_ELEMENTS, n = vit_numel(op->in[0]) - begin;
    vit_real factor = (vit_real)op->attr.scale;
    vit_kernels()->mul_scalars(op->out[0]->data + begin, op->in[0]->data + begin, &factor, 1,
                               n < VIT_PIECE_ELEMENTS ? n : VIT_PIECE_ELEMENTS, 0);
}

static void forward(const struct vit_step *step)
{
    struct vit_op op = *step->op;
    vit_parallel_for(step->pool, vit_piece_count(vit_numel(op.in[0]), VIT_PIECE_ELEMENTS), piece_of, &op);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_scale = {
    .name = "scale",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 1,
    .max_in = 1,
    .infer = vit_op_infer_same,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "vector", .forward = forward, .stream = vit_unary_stream}, {0}},
};
