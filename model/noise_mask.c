/* SPDX-License-Identifier: MIT */
#include "model/noise_mask.h"

#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/noise.h"

int vit_noise_mask_infer(struct vit_op *op)
{
    if (vit_numel(op->in[1]) != VIT_NOISE_PIECES)
        return vit_op_fail(op, "noise has %lld elements, expected %d", (long long)vit_numel(op->in[1]),
                           VIT_NOISE_PIECES);
    if (!(op->attr.rate >= 0 && op->attr.rate < 1))
        return vit_op_fail(op, "rate %g, must be at least 0 and below 1", op->attr.rate);
    return vit_op_infer_same(op);
}

struct job {
    const struct vit_op *op;
    void (*piece)(struct vit_noise_mask mask);
    vit_real *to;
    const vit_real *from;
    int64_t n, pieces; /* elements of an image, and pieces that they are cut into */
    bool adds;
};

static void piece_of(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    const int64_t image = piece / job->pieces, begin = piece % job->pieces * VIT_PIECE_ELEMENTS;
    const int64_t at = image * job->n + begin, left = job->n - begin;
    (void)worker;
    job->piece((struct vit_noise_mask){.to = job->to + at,
                                       .from = job->from + at,
                                       .begin = begin,
                                       .n = left < VIT_PIECE_ELEMENTS ? left : VIT_PIECE_ELEMENTS,
                                       .rate = job->op->attr.rate,
                                       .rng = vit_noise_at(job->op->in[1], job->op->attr.stream, image),
                                       .adds = job->adds});
}

void vit_noise_mask_run(const struct vit_step *step, void (*piece)(struct vit_noise_mask mask))
{
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    const bool back = step->pass == VIT_BACKWARD;
    struct job job = {.op = step->op,
                      .piece = piece,
                      .to = back ? x->grad->data : y->data,
                      .from = back ? y->grad->data : x->data,
                      .n = vit_numel(x) / x->dim[0],
                      .adds = back && vit_step_adds(step, 0)};
    job.pieces = vit_piece_count(job.n, VIT_PIECE_ELEMENTS);
    vit_parallel_for(step->pool, x->dim[0] * job.pieces, piece_of, &job);
}

void vit_noise_mask_stream(const struct vit_step *step, struct vit_access *access)
{
    vit_access_read(access, step->op->in[1]->data, vit_nbytes(step->op->in[1]));
    vit_unary_stream(step, access);
}

void vit_noise_mask_cost(const struct vit_op *op, struct vit_cost *cost)
{
    cost->flops = vit_numel(op->out[0]);
}
