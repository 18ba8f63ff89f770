/* SPDX-License-Identifier: MIT */
/* batch_norm.c - inference: y = (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel, as
 * y = x * scale + shift with scale = weight / sqrt(running_var + eps), shift = bias - running_mean * scale.
 * x, y: (B, C), (B, C, L) or (B, C, H, W); weight, bias, running_mean, running_var: (C); attribute: eps.
 * FLOPs: 2 per element and 5 per channel. */
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

#include <math.h>

struct job {
    vit_real *y;
    const vit_real *x;             /* (B, C, positions) */
    const vit_real *scale, *shift; /* (C) */
    int64_t rows, n;               /* with positions: (B * C, positions); without: (B, C) */
    int64_t channels, rows_per_piece;
};

static int infer(struct vit_op *op)
{
    static const char *const role[] = {"input", "weight", "bias", "running_mean", "running_var"};
    const struct vit_tensor *x = op->in[0];
    char text_x[VIT_SHAPE_TEXT], text[VIT_SHAPE_TEXT];
    if (x->ndim < 2 || x->ndim > 4)
        return vit_op_fail(op, "input %s must be (B, C), (B, C, L) or (B, C, H, W)", vit_shape_text(x, text_x));
    for (int i = 1; i < 5; i++)
        if (op->in[i]->ndim != 1 || op->in[i]->dim[0] != x->dim[1])
            return vit_op_fail(op, "%s %s must have one element per channel: axis 1 of the input %s", role[i],
                               vit_shape_text(op->in[i], text), vit_shape_text(x, text_x));
    return vit_op_infer_same(op);
}

static size_t workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return 2 * (size_t)op->in[0]->dim[1] * sizeof(vit_real);
}

/* In double and rounded once; affine: (2, C), scale then shift. */
static void affine_of(const struct vit_op *op, vit_real *affine)
{
    const vit_real *weight = op->in[1]->data, *bias = op->in[2]->data, *mean = op->in[3]->data, *var = op->in[4]->data;
    int64_t channels = op->in[0]->dim[1];
    for (int64_t c = 0; c < channels; c++) {
        double scale = (double)weight[c] / sqrt((double)var[c] + op->attr.eps);
        affine[c] = (vit_real)scale;
        affine[channels + c] = (vit_real)((double)bias[c] - (double)mean[c] * scale);
    }
}

static void maps_piece(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t row = piece * job->rows_per_piece, end = row + job->rows_per_piece;
    if (end > job->rows)
        end = job->rows;
    while (row < end) {
        int64_t channel = row % job->channels, rest = job->channels - channel;
        int64_t count = rest < end - row ? rest : end - row;
        vit_kernels()->scale_shift_rows(job->y + row * job->n, job->x + row * job->n, job->scale + channel,
                                        job->shift + channel, count, job->n);
        row += count;
    }
}

static void vectors_piece(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t row = piece * job->rows_per_piece, rest = job->rows - row;
    vit_kernels()->scale_shift_columns(job->y + row * job->n, job->x + row * job->n, job->scale, job->shift,
                                       rest < job->rows_per_piece ? rest : job->rows_per_piece, job->n);
}

static void forward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *x = op->in[0];
    vit_real *affine = step->workspace;
    affine_of(op, affine);
    int64_t channels = x->dim[1], maps = x->dim[0] * channels, positions = vit_numel(x) / maps;
    bool vectors = positions == 1;
    struct job job = {.y = op->out[0]->data, .x = x->data, .scale = affine, .shift = affine + channels};
    job.channels = channels;
    job.rows = vectors ? x->dim[0] : maps;
    job.n = vectors ? channels : positions;
    job.rows_per_piece = vit_piece_rows(job.n);
    vit_parallel_for(step->pool, vit_piece_count(job.rows, job.rows_per_piece), vectors ? vectors_piece : maps_piece,
                     &job);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 2 * vit_numel(op->in[0]) + 5 * op->in[0]->dim[1];
}

const struct vit_op_def vit_op_batch_norm = {
    .name = "batch_norm",
    .op_class = VIT_CLASS_NORM,
    .min_in = 5,
    .max_in = 5,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "scale_shift", .workspace = workspace, .forward = forward}, {0}},
};
