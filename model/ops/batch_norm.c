/* SPDX-License-Identifier: MIT */
/* batch_norm.c - inference: y = (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel, as
 * y = x * scale + shift with scale = weight / sqrt(running_var + eps), shift = bias - running_mean * scale.
 * x, y: (B, C), (B, C, L) or (B, C, H, W); weight, bias, running_mean, running_var: (C); attribute: eps.
 * FLOPs: 2 per element and 5 per channel. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

#include <math.h>

struct job {
    struct vit_access *access; /* not NULL: names what would be touched */
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

/* What affine_of touches. */
static void stream_affine(struct vit_access *access, const struct vit_op *op, const vit_real *affine)
{
    const int64_t channels = op->in[0]->dim[1];
    for (int64_t c = 0; c < channels; c += VIT_LINE_BYTES / (int)sizeof(vit_real)) {
        const int64_t rest = (channels - c) * (int64_t)sizeof(vit_real);
        const size_t part = rest < VIT_LINE_BYTES ? (size_t)rest : VIT_LINE_BYTES;
        for (int i = 1; i < 5; i++)
            vit_access_read(access, op->in[i]->data + c, part);
        vit_access_write(access, affine + c, part);
        vit_access_write(access, affine + channels + c, part);
    }
}

/* What scale_shift_rows and scale_shift_columns touch. */
static void stream_maps(const struct job *job, int64_t row, int64_t rows)
{
    struct vit_zip zip = {.bytes = (size_t)job->n * sizeof *job->y};
    for (int64_t end = row + rows; row < end; row++) {
        zip.y = job->y + row * job->n;
        zip.a = job->x + row * job->n;
        vit_access_read(job->access, job->scale + row % job->channels, sizeof *job->scale);
        vit_access_read(job->access, job->shift + row % job->channels, sizeof *job->shift);
        vit_access_zip(job->access, &zip);
    }
}

static void stream_vectors(const struct job *job, int64_t row, int64_t rows)
{
    struct vit_zip zip = {.b = job->scale, .c = job->shift, .bytes = (size_t)job->n * sizeof *job->y};
    for (int64_t end = row + rows; row < end; row++) {
        zip.y = job->y + row * job->n;
        zip.a = job->x + row * job->n;
        vit_access_zip(job->access, &zip);
    }
}

static void maps_piece(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t row = piece * job->rows_per_piece, end = row + job->rows_per_piece;
    if (end > job->rows)
        end = job->rows;
    if (job->access) {
        stream_maps(job, row, end - row);
        return;
    }
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
    int64_t rows = rest < job->rows_per_piece ? rest : job->rows_per_piece;
    if (job->access)
        stream_vectors(job, row, rows);
    else
        vit_kernels()->scale_shift_columns(job->y + row * job->n, job->x + row * job->n, job->scale, job->shift, rows,
                                           job->n);
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *x = op->in[0];
    vit_real *affine = step->workspace;
    if (access)
        stream_affine(access, op, affine);
    else
        affine_of(op, affine);
    int64_t channels = x->dim[1], maps = x->dim[0] * channels, positions = vit_numel(x) / maps;
    bool vectors = positions == 1;
    struct job job = {
        .access = access, .y = op->out[0]->data, .x = x->data, .scale = affine, .shift = affine + channels};
    job.channels = channels;
    job.rows = vectors ? x->dim[0] : maps;
    job.n = vectors ? channels : positions;
    job.rows_per_piece = vit_piece_rows(job.n);
    vit_parallel_for(access ? NULL : step->pool, vit_piece_count(job.rows, job.rows_per_piece),
                     vectors ? vectors_piece : maps_piece, &job);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 2 * vit_numel(op->in[0]) + 5 * op->in[0]->dim[1];
}

/* dx = scale dy, dweight = sum of dy (x - mean) / deviation, dbias = sum of dy: all images of a channel in one piece.
 */
static void back_channel(void *context, int64_t channel, int worker)
{
    const struct vit_step *step = context;
    const struct vit_op *op = step->op;
    const struct vit_tensor *x = op->in[0];
    const int64_t channels = x->dim[1], images = x->dim[0], n = vit_numel(x) / (channels * images);
    const double deviation = sqrt((double)op->in[4]->data[channel] + op->attr.eps);
    const vit_real scale = (vit_real)((double)op->in[1]->data[channel] / deviation);
    double sums[2] = {0, 0};
    (void)worker;
    for (int64_t image = 0; image < images; image++) {
        const int64_t at = (image * channels + channel) * n;
        const vit_real *dy = op->out[0]->grad->data + at;
        vit_kernels()->sum_and_dot(sums, dy, x->data + at, op->in[3]->data[channel], n);
        if (x->grad)
            vit_kernels()->norm_back(x->grad->data + at, dy, x->data + at, (const vit_real[]){scale, 0, 0, 0},
                                     (const int64_t[]){n, vit_step_adds(step, 0)});
    }
    const double gradient[] = {sums[1] / deviation, sums[0]};
    for (int i = 0; i < 2; i++)
        if (op->in[i + 1]->grad) {
            vit_real *to = &op->in[i + 1]->grad->data[channel];
            *to = (vit_real)(gradient[i] + (vit_step_adds(step, i + 1) ? (double)*to : 0));
        }
}

static void backward(const struct vit_step *step)
{
    struct vit_step job = *step;
    vit_parallel_for(step->pool, step->op->in[0]->dim[1], back_channel, &job);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 5 * vit_numel(op->in[0]);
}

const struct vit_op_def vit_op_batch_norm = {
    .name = "batch_norm",
    .op_class = VIT_CLASS_NORM,
    .min_in = 5,
    .max_in = 5,
    .infer = infer,
    .cost = cost,
    .backward = (const struct vit_kernel[]){{.name = "channels", .forward = backward}, {0}},
    .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1) | VIT_READS_IN(3) | VIT_READS_IN(4),
    .backward_cost = backward_cost,
    .cpu =
        (const struct vit_kernel[]){
            {.name = "scale_shift", .workspace = workspace, .forward = forward, .stream = stream}, {0}},
};
