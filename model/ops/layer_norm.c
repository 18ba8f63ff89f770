/* SPDX-License-Identifier: MIT */
/* layer_norm.c - y = (x - mean) / sqrt(variance + eps) * weight + bias, moments over the last axis.
 * x, y: (..., C); weight, bias: (C); attribute: eps.
 * FLOPs: 7 per element (sum, centring, square, its sum, normalising, weight, bias) and 5 per row. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"
#include "model/kernels/layer_norm.h"

#include <string.h>

static int infer(struct vit_op *op)
{
    static const char *const role[] = {"input", "weight", "bias"};
    const struct vit_tensor *x = op->in[0];
    char text_x[VIT_SHAPE_TEXT], text[VIT_SHAPE_TEXT];
    if (x->ndim < 1)
        return vit_op_fail(op, "input is a scalar, must have a last axis");
    for (int i = 1; i < 3; i++)
        if (op->in[i]->ndim != 1 || op->in[i]->dim[0] != x->dim[x->ndim - 1])
            return vit_op_fail(op, "%s %s must have one element per channel: last axis of the input %s", role[i],
                               vit_shape_text(op->in[i], text), vit_shape_text(x, text_x));
    return vit_op_infer_same(op);
}

struct job {
    struct vit_access *access; /* not NULL: names what would be touched */
    vit_real *y;
    const vit_real *x;
    struct vit_layer_norm norm;
    int64_t rows, n, rows_per_piece;
};

/* Three sweeps over each row: the mean, both moments, the result. */
static void stream_rows(struct vit_access *access, struct vit_zip zip, int64_t rows)
{
    for (int64_t row = 0; row < rows; row++) {
        vit_access_read(access, zip.a, zip.bytes);
        vit_access_read(access, zip.a, zip.bytes);
        vit_access_zip(access, &zip);
        zip.y = (const char *)zip.y + zip.bytes;
        zip.a = (const char *)zip.a + zip.bytes;
    }
}

static void piece_of(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t row = piece * job->rows_per_piece, rest = job->rows - row;
    int64_t rows = rest < job->rows_per_piece ? rest : job->rows_per_piece;
    struct vit_zip zip = {.b = job->norm.weight, .c = job->norm.bias, .bytes = (size_t)job->n * sizeof *job->y};
    zip.y = job->y + row * job->n;
    zip.a = job->x + row * job->n;
    if (job->access)
        stream_rows(job->access, zip, rows);
    else
        vit_kernels()->layer_norm_rows(job->y + row * job->n, job->x + row * job->n, &job->norm, rows, job->n);
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *x = op->in[0];
    struct job job = {.access = access, .y = op->out[0]->data, .x = x->data, .n = x->dim[x->ndim - 1]};
    job.norm = (struct vit_layer_norm){.weight = op->in[1]->data, .bias = op->in[2]->data, .eps = op->attr.eps};
    job.rows = vit_numel(x) / job.n;
    job.rows_per_piece = vit_piece_rows(job.n);
    vit_parallel_for(access ? NULL : step->pool, vit_piece_count(job.rows, job.rows_per_piece), piece_of, &job);
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
    int64_t elements = vit_numel(op->in[0]), n = op->in[0]->dim[op->in[0]->ndim - 1];
    c->flops = 7 * elements + 5 * (elements / n);
}

/* Each piece of rows has sums of its own for weight and bias, (2, n); they are added in order. */
static int64_t back_pieces(const struct vit_op *op)
{
    const int64_t n = op->in[0]->dim[op->in[0]->ndim - 1];
    return vit_piece_count(vit_numel(op->in[0]) / n, vit_piece_rows(n));
}

static size_t back_workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return (size_t)(back_pieces(op) * 2 * op->in[0]->dim[op->in[0]->ndim - 1]) * sizeof(vit_real);
}

static void back_piece(void *context, int64_t piece, int worker)
{
    const struct vit_step *step = context;
    const struct vit_op *op = step->op;
    const int64_t n = op->in[0]->dim[op->in[0]->ndim - 1], per_piece = vit_piece_rows(n), row = piece * per_piece;
    const int64_t rest = vit_numel(op->in[0]) / n - row;
    vit_real *part = (vit_real *)step->workspace + piece * 2 * n;
    const vit_real *const source[3] = {op->in[0]->data + row * n, op->out[0]->grad->data + row * n, op->in[1]->data};
    (void)worker;
    memset(part, 0, 2 * (size_t)n * sizeof *part);
    vit_kernels()->layer_norm_back_rows(
        op->in[0]->grad ? op->in[0]->grad->data + row * n : NULL, part, source,
        (const int64_t[]){rest < per_piece ? rest : per_piece, n, vit_step_adds(step, 0)}, op->attr.eps);
}

static void backward(const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const int64_t n = op->in[0]->dim[op->in[0]->ndim - 1], pieces = back_pieces(op);
    struct vit_step job = *step;
    vit_parallel_for(step->pool, pieces, back_piece, &job);
    for (int input = 1; input <= 2; input++)
        for (int64_t i = 0; op->in[input]->grad && i < n; i++) {
            vit_real *to = &op->in[input]->grad->data[i];
            double sum = vit_step_adds(step, input) ? (double)*to : 0;
            for (int64_t piece = 0; piece < pieces; piece++)
                sum += (double)((vit_real *)step->workspace)[(piece * 2 + input - 1) * n + i];
            *to = (vit_real)sum;
        }
}

/* Four sweeps over each row: the mean, the sums, the shares of weight and bias, dx. */
static void back_stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const int64_t n = op->in[0]->dim[op->in[0]->ndim - 1], rows = vit_numel(op->in[0]) / n, pieces = back_pieces(op);
    const size_t bytes = (size_t)n * sizeof(vit_real);
    const vit_real *w = op->in[1]->data;
    for (int64_t row = 0; row < rows; row++) {
        const vit_real *x = op->in[0]->data + row * n, *dy = op->out[0]->grad->data + row * n;
        vit_real *part = (vit_real *)step->workspace + row / vit_piece_rows(n) * 2 * n;
        if (row % vit_piece_rows(n) == 0)
            vit_access_write(access, part, 2 * bytes);
        vit_access_read(access, x, bytes);
        vit_access_zip(access, &(struct vit_zip){.a = x, .b = dy, .c = w, .bytes = bytes});
        vit_access_zip(access, &(struct vit_zip){.y = part, .a = x, .b = dy, .c = part, .bytes = bytes});
        vit_access_zip(access, &(struct vit_zip){.y = part + n, .a = part + n, .bytes = bytes});
        if (!op->in[0]->grad)
            continue;
        vit_real *dx = op->in[0]->grad->data + row * n;
        if (vit_step_adds(step, 0))
            vit_access_read(access, dx, bytes);
        vit_access_zip(access, &(struct vit_zip){.y = dx, .a = x, .b = dy, .c = w, .bytes = bytes});
    }
    for (int input = 1; input <= 2; input++)
        for (int64_t i = 0; op->in[input]->grad && i < n; i++) {
            for (int64_t piece = 0; piece < pieces; piece++)
                vit_access_read(access, (vit_real *)step->workspace + (piece * 2 + input - 1) * n + i, sizeof *w);
            if (vit_step_adds(step, input))
                vit_access_read(access, op->in[input]->grad->data + i, sizeof *w);
            vit_access_write(access, op->in[input]->grad->data + i, sizeof *w);
        }
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 15 * vit_numel(op->in[0]);
}

const struct vit_op_def vit_op_layer_norm = {
    .name = "layer_norm",
    .op_class = VIT_CLASS_NORM,
    .min_in = 3,
    .max_in = 3,
    .infer = infer,
    .cost = cost,
    .backward =
        (const struct vit_kernel[]){
            {.name = "rows", .workspace = back_workspace, .forward = backward, .stream = back_stream}, {0}},
    .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = stream}, {0}},
};
