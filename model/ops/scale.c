/* SPDX-License-Identifier: MIT */
/* scale.c - y = x * scale.
 * x, y: any equal shape; attribute: scale.
 * FLOPs: one per element. */
#include "model/access.h"
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

/* dx = scale dy. */
static void back_piece(void *context, int64_t piece, int worker)
{
    const struct vit_step *step = context;
    const int64_t begin = piece * VIT_PIECE_ELEMENTS, left = vit_numel(step->op->in[0]) - begin;
    const int64_t end = begin + (left < VIT_PIECE_ELEMENTS ? left : VIT_PIECE_ELEMENTS);
    const vit_real factor = (vit_real)step->op->attr.scale, *dy = step->op->out[0]->grad->data;
    vit_real *dx = step->op->in[0]->grad->data;
    const bool adds = vit_step_adds(step, 0);
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        dx[i] = adds ? dx[i] + factor * dy[i] : factor * dy[i];
}

static void backward(const struct vit_step *step)
{
    struct vit_step job = *step;
    vit_parallel_for(step->pool, vit_piece_count(vit_numel(step->op->in[0]), VIT_PIECE_ELEMENTS), back_piece, &job);
}

static void back_stream(const struct vit_step *step, struct vit_access *access)
{
    const vit_real *dx = step->op->in[0]->grad->data;
    vit_access_zip(access, &(struct vit_zip){.y = dx,
                                             .a = step->op->out[0]->grad->data,
                                             .b = vit_step_adds(step, 0) ? dx : NULL,
                                             .bytes = vit_nbytes(step->op->in[0])});
}

const struct vit_op_def vit_op_scale = {
    .name = "scale",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 1,
    .max_in = 1,
    .infer = vit_op_infer_same,
    .cost = cost,
    .backward = (const struct vit_kernel[]){{.name = "vector", .forward = backward, .stream = back_stream}, {0}},
    .backward_cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "vector", .forward = forward, .stream = vit_unary_stream}, {0}},
};
