/* SPDX-License-Identifier: MIT */
/* fold_batch_norm.c - folds the statistics of a batch norm into the convolution or linear next to it. With
 * s = weight / sqrt(var + eps) and shift = bias - mean s, both of C channels:
 * attr.axis 0, the norm follows:   w'[o, ...] = w[o, ...] s[o],  b'[o] = bias[o] + (b[o] - mean[o]) s[o],  C =
 * w.dim[0]; attr.axis 1, the norm precedes:  w'[n, k] = w[n, k] s[k],      b'[n] = b[n] + sum_k w[n, k] shift[k],    C
 * = w.dim[1]. in: w, weight, bias, mean, var (C), [b (w.dim[0])]. out: w' with w's shape, b' (w.dim[0]). Sums are kept
 * in double: the result is rounded once. FLOPs: 3C for s, one per element of w', then axis 0: 3C (2C without b); axis
 * 1: 2C + 2NK (+ N with b). */
#include "model/access.h"
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"

#include <math.h>

enum { W, WEIGHT, BIAS, MEAN, VAR, B };

static int infer(struct vit_op *op)
{
    static const char *const name[] = {"w", "weight", "bias", "mean", "var", "b"};
    const struct vit_tensor *w = op->in[W];
    int axis = op->attr.axis;
    char text[VIT_SHAPE_TEXT], shape[VIT_SHAPE_TEXT];
    if (axis != 0 && axis != 1)
        return vit_op_fail(op, "axis %d, expected 0 (the norm follows) or 1 (the norm precedes)", axis);
    if (w->ndim < 2 || (axis == 1 && w->ndim != 2))
        return vit_op_fail(op, "w %s, expected %s", vit_shape_text(w, shape), axis ? "(N, K)" : "2 dims or more");
    for (int i = WEIGHT; i < op->n_in; i++) {
        int64_t expected = w->dim[i == B ? 0 : axis];
        if (op->in[i]->ndim != 1 || op->in[i]->dim[0] != expected)
            return vit_op_fail(op, "%s %s beside w %s, expected (%lld,)", name[i], vit_shape_text(op->in[i], text),
                               vit_shape_text(w, shape), (long long)expected);
    }
    vit_op_shape(op, w->ndim, w->dim);
    op->out[1]->ndim = 1;
    op->out[1]->dim[0] = w->dim[0];
    return VIT_OK;
}

static void cost(const struct vit_op *op, struct vit_cost *cost)
{
    const struct vit_tensor *w = op->in[W];
    int64_t size = vit_numel(w), n = w->dim[0], channels = w->dim[op->attr.axis];
    bool has_b = op->n_in > B;
    cost->flops = 3 * channels + size;
    cost->flops += op->attr.axis == 0 ? (has_b ? 3 : 2) * n : 2 * channels + 2 * size + (has_b ? n : 0);
}

static double channel_scale(const struct vit_op *op, int64_t channel)
{
    return (double)op->in[WEIGHT]->data[channel] / sqrt((double)op->in[VAR]->data[channel] + op->attr.eps);
}

static void fold_following(const struct vit_op *op)
{
    const struct vit_tensor *w = op->in[W];
    int64_t row = vit_numel(w) / w->dim[0];
    for (int64_t o = 0; o < w->dim[0]; o++) {
        double s = channel_scale(op, o), b = op->n_in > B ? (double)op->in[B]->data[o] : 0;
        for (int64_t i = o * row; i < (o + 1) * row; i++)
            op->out[0]->data[i] = (vit_real)((double)w->data[i] * s);
        op->out[1]->data[o] = (vit_real)((double)op->in[BIAS]->data[o] + (b - (double)op->in[MEAN]->data[o]) * s);
    }
}

/* Column by column, so that s is needed for one channel at a time; sums are kept in the workspace. */
static void fold_preceding(const struct vit_op *op, double *sum /* (N) */)
{
    const struct vit_tensor *w = op->in[W];
    int64_t n_rows = w->dim[0], columns = w->dim[1];
    for (int64_t n = 0; n < n_rows; n++)
        sum[n] = op->n_in > B ? (double)op->in[B]->data[n] : 0;
    for (int64_t k = 0; k < columns; k++) {
        double s = channel_scale(op, k), shift = (double)op->in[BIAS]->data[k] - (double)op->in[MEAN]->data[k] * s;
        for (int64_t n = 0; n < n_rows; n++) {
            double element = (double)w->data[n * columns + k];
            op->out[0]->data[n * columns + k] = (vit_real)(element * s);
            sum[n] += element * shift;
        }
    }
    for (int64_t n = 0; n < n_rows; n++)
        op->out[1]->data[n] = (vit_real)sum[n];
}

/* The four numbers of a channel. */
static void stream_channel(struct vit_access *access, const struct vit_op *op, int64_t channel)
{
    for (int i = WEIGHT; i <= VAR; i++)
        vit_access_read(access, op->in[i]->data + channel, sizeof(vit_real));
}

static void stream_following(const struct vit_op *op, struct vit_access *access)
{
    const struct vit_tensor *w = op->in[W];
    const int64_t row = vit_numel(w) / w->dim[0];
    struct vit_zip zip = {.bytes = (size_t)row * sizeof *w->data};
    for (int64_t o = 0; o < w->dim[0]; o++) {
        stream_channel(access, op, o);
        if (op->n_in > B)
            vit_access_read(access, op->in[B]->data + o, sizeof *w->data);
        zip.y = op->out[0]->data + o * row;
        zip.a = w->data + o * row;
        vit_access_zip(access, &zip);
        vit_access_write(access, op->out[1]->data + o, sizeof *w->data);
    }
}

static void stream_preceding(const struct vit_op *op, const double *sum, struct vit_access *access)
{
    const struct vit_tensor *w = op->in[W];
    const int64_t n_rows = w->dim[0], columns = w->dim[1];
    for (int64_t n = 0; n < n_rows; n++) {
        if (op->n_in > B)
            vit_access_read(access, op->in[B]->data + n, sizeof *w->data);
        vit_access_write(access, sum + n, sizeof *sum);
    }
    for (int64_t k = 0; k < columns; k++) {
        stream_channel(access, op, k);
        for (int64_t n = 0; n < n_rows; n++) {
            vit_access_read(access, w->data + n * columns + k, sizeof *w->data);
            vit_access_write(access, op->out[0]->data + n * columns + k, sizeof *w->data);
            vit_access_zip(access, &(struct vit_zip){.y = sum + n, .a = sum + n, .bytes = sizeof *sum});
        }
    }
    for (int64_t n = 0; n < n_rows; n++) {
        vit_access_read(access, sum + n, sizeof *sum);
        vit_access_write(access, op->out[1]->data + n, sizeof *w->data);
    }
}

static size_t workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return op->attr.axis == 1 ? (size_t)op->in[W]->dim[0] * sizeof(double) : 0;
}

/* One piece: it runs once, when weights are loaded. */
static void forward(const struct vit_step *step)
{
    if (step->op->attr.axis == 0)
        fold_following(step->op);
    else
        fold_preceding(step->op, step->workspace);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    if (step->op->attr.axis == 0)
        stream_following(step->op, access);
    else
        stream_preceding(step->op, step->workspace, access);
}

static const struct vit_kernel kernels[] = {
    {.name = "double", .workspace = workspace, .forward = forward, .stream = stream}, {0}};

const struct vit_op_def vit_op_fold_batch_norm = {.name = "fold_batch_norm",
                                                  .op_class = VIT_CLASS_NORM,
                                                  .min_in = 5,
                                                  .max_in = 6,
                                                  .outputs = 2,
                                                  .infer = infer,
                                                  .cost = cost,
                                                  .cpu = kernels};
