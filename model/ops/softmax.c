/* SPDX-License-Identifier: MIT */
/* softmax.c - y_i = exp(x_i - max x) / sum_j exp(x_j - max x), over the last axis.
 * x, y: (..., n).
 * FLOPs: 5 per element (maximum, subtraction, exponential, sum, division). */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

struct job {
    struct vit_access *access; /* not NULL: names what would be touched */
    vit_real *y;
    const vit_real *x;
    int64_t rows, n, rows_per_piece;
};

static int infer(struct vit_op *op)
{
    if (op->in[0]->ndim < 1)
        return vit_op_fail(op, "input is a scalar, must have a last axis");
    return vit_op_infer_same(op);
}

/* Three sweeps over each row: the highest, the exponentials, the division by their sum. */
static void stream_rows(struct vit_access *access, struct vit_zip zip, int64_t rows)
{
    for (int64_t row = 0; row < rows; row++) {
        vit_access_read(access, zip.a, zip.bytes);
        vit_access_zip(access, &zip);
        vit_access_zip(access, &(struct vit_zip){.y = zip.y, .a = zip.y, .bytes = zip.bytes});
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
    vit_real *y = job->y + row * job->n;
    const vit_real *x = job->x + row * job->n;
    if (job->access)
        stream_rows(job->access, (struct vit_zip){.y = y, .a = x, .bytes = (size_t)job->n * sizeof *y}, rows);
    else
        vit_kernels()->softmax_rows(y, x, rows, job->n);
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *x = step->op->in[0];
    int64_t n = x->dim[x->ndim - 1];
    struct job job = {.access = access, .y = step->op->out[0]->data, .x = x->data, .n = n, .rows = vit_numel(x) / n};
    job.rows_per_piece = vit_piece_rows(n);
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
    c->flops = 5 * vit_numel(op->out[0]);
}

struct back_job {
    const struct vit_step *step;
    struct vit_access *access;
};

/* Two sweeps over each row: the sum of y dy, the result. */
static void stream_back_rows(struct vit_access *access, struct vit_zip zip, int64_t rows, bool adds)
{
    for (int64_t row = 0; row < rows; row++) {
        vit_access_zip(access, &(struct vit_zip){.a = zip.a, .b = zip.b, .bytes = zip.bytes});
        zip.c = adds ? zip.y : NULL;
        vit_access_zip(access, &zip);
        zip.y = (const char *)zip.y + zip.bytes;
        zip.a = (const char *)zip.a + zip.bytes;
        zip.b = (const char *)zip.b + zip.bytes;
    }
}

/* dx = y (dy - sum of y dy), row by row. */
static void back_piece(void *context, int64_t piece, int worker)
{
    const struct back_job *job = context;
    const struct vit_tensor *y = job->step->op->out[0];
    const int64_t n = y->dim[y->ndim - 1], per_piece = vit_piece_rows(n), row = piece * per_piece;
    const int64_t rest = vit_numel(y) / n - row, rows = rest < per_piece ? rest : per_piece;
    vit_real *dx = job->step->op->in[0]->grad->data + row * n;
    const vit_real *value = y->data + row * n, *dy = y->grad->data + row * n;
    const bool adds = vit_step_adds(job->step, 0);
    (void)worker;
    if (job->access)
        stream_back_rows(job->access, (struct vit_zip){.y = dx, .a = value, .b = dy, .bytes = (size_t)n * sizeof *dx},
                         rows, adds);
    else
        vit_kernels()->softmax_back_rows(dx, value, dy, (const int64_t[]){rows, n, adds});
}

static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *y = step->op->out[0];
    const int64_t n = y->dim[y->ndim - 1];
    struct back_job job = {step, access};
    vit_parallel_for(access ? NULL : step->pool, vit_piece_count(vit_numel(y) / n, vit_piece_rows(n)), back_piece,
                     &job);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 4 * vit_numel(op->out[0]);
}

const struct vit_op_def vit_op_softmax = {
    .name = "softmax",
    .op_class = VIT_CLASS_SOFTMAX,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .cost = cost,
    .backward = (const struct vit_kernel[]){{.name = "rows", .forward = backward, .stream = walk_back}, {0}},
    .backward_reads = VIT_READS_OUT(0),
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = stream}, {0}},
};
