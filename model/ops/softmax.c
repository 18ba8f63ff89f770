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

/* dx = y (dy - sum of y dy), row by row. */
static void back_piece(void *context, int64_t piece, int worker)
{
    const struct vit_step *step = context;
    const struct vit_tensor *y = step->op->out[0];
    const int64_t n = y->dim[y->ndim - 1], per_piece = vit_piece_rows(n), row = piece * per_piece;
    const int64_t rest = vit_numel(y) / n - row;
    (void)worker;
    vit_kernels()->softmax_back_rows(step->op->in[0]->grad->data + row * n, y->data + row * n, y->grad->data + row * n,
                                     (const int64_t[]){rest < per_piece ? rest : per_piece, n, vit_step_adds(step, 0)});
}

static void backward(const struct vit_step *step)
{
    const struct vit_tensor *y = step->op->out[0];
    const int64_t n = y->dim[y->ndim - 1];
    struct vit_step job = *step;
    vit_parallel_for(step->pool, vit_piece_count(vit_numel(y) / n, vit_piece_rows(n)), back_piece, &job);
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
    .backward = (const struct vit_kernel[]){{.name = "rows", .forward = backward}, {0}},
    .backward_reads = VIT_READS_OUT(0),
    .backward_cost = backward_cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward, .stream = stream}, {0}},
};
