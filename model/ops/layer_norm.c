/* SPDX-License-Identifier: MIT */
/* layer_norm.c - y = (x - mean) / sqrt(variance + eps) * weight + bias, moments over the last axis.
 * x, y: (..., C); weight, bias: (C); attribute: eps.
 * FLOPs: 7 per element (sum, centring, square, its sum, normalising, weight, bias) and 5 per row. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"
#include "model/kernels/layer_norm.h"

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

const struct vit_op_def vit_op_layer_norm = {
    .name = "layer_norm",
    .op_class = VIT_CLASS_NORM,
    .min_in = 3,
    .max_in = 3,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = stream}, {0}},
};
