/* SPDX-License-Identifier: MIT */
/* reduce_mean.c - mean over `length` consecutive axes from `axis` on, which vanish.
 * x: (outer..., reduced..., inner...) -> y: (outer..., inner...); attributes: axis, length.
 * FLOPs: one per element of x (n - 1 additions and a division per mean of n). */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"

struct job {
    struct vit_access *access; /* not NULL: names what would be touched */
    vit_real *y;               /* (outer, inner) */
    const vit_real *x;         /* (outer, n, inner) */
    int64_t outer, n, inner;
    int64_t per_piece; /* outer items if inner is 1, else columns */
};

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    int axis = op->attr.axis;
    int64_t length = op->attr.length, dim[VIT_MAX_DIMS];
    int ndim = 0;
    char text[VIT_SHAPE_TEXT];
    if (axis < 0 || axis >= x->ndim || length < 1 || length > x->ndim - axis)
        return vit_op_fail(op, "axis %d, length %lld: not axes of the input %s", axis, (long long)length,
                           vit_shape_text(x, text));
    for (int i = 0; i < x->ndim; i++)
        if (i < axis || i >= axis + length)
            dim[ndim++] = x->dim[i];
    vit_op_shape(op, ndim, dim);
    return VIT_OK;
}

static void rows_piece(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t row = piece * job->per_piece, rest = job->outer - row;
    int64_t rows = rest < job->per_piece ? rest : job->per_piece;
    if (!job->access)
        vit_kernels()->mean_rows(job->y + row, job->x + row * job->n, rows, job->n);
    else
        for (int64_t end = row + rows; row < end; row++) {
            vit_access_read(job->access, job->x + row * job->n, (size_t)job->n * sizeof *job->x);
            vit_access_write(job->access, job->y + row, sizeof *job->y);
        }
}

static void columns_piece(void *context, int64_t piece, int worker)
{
    const struct job *job = context;
    (void)worker;
    int64_t blocks = vit_piece_count(job->inner, job->per_piece);
    int64_t outer = piece / blocks, column = piece % blocks * job->per_piece, rest = job->inner - column;
    int64_t width = rest < job->per_piece ? rest : job->per_piece;
    vit_real *y = job->y + outer * job->inner + column;
    const vit_real *x = job->x + outer * job->n * job->inner + column;
    if (job->access)
        vit_kernels()->mean_columns_stream(job->access, y, x, (int64_t[3]){width, job->n, job->inner});
    else
        vit_kernels()->mean_columns(y, x, width, job->n, job->inner);
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *x = op->in[0];
    struct job job = {.access = access, .y = op->out[0]->data, .x = x->data, .outer = 1, .n = 1, .inner = 1};
    for (int i = 0; i < x->ndim; i++)
        *(i < op->attr.axis ? &job.outer : i < op->attr.axis + op->attr.length ? &job.n : &job.inner) *= x->dim[i];
    job.per_piece = vit_piece_rows(job.n);
    struct vit_parallel *pool = access ? NULL : step->pool;
    if (job.inner == 1)
        vit_parallel_for(pool, vit_piece_count(job.outer, job.per_piece), rows_piece, &job);
    else
        vit_parallel_for(pool, job.outer * vit_piece_count(job.inner, job.per_piece), columns_piece, &job);
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
    c->flops = vit_numel(op->in[0]);
}

/* dx = dy / n, repeated along the axes that vanished. */
static void back_outer(void *context, int64_t outer, int worker)
{
    const struct vit_step *step = context;
    const struct vit_tensor *x = step->op->in[0];
    const int axis = step->op->attr.axis;
    int64_t n = 1, inner = 1;
    for (int a = axis; a < x->ndim; a++)
        *(a < axis + step->op->attr.length ? &n : &inner) *= x->dim[a];
    const vit_real *dy = step->op->out[0]->grad->data + outer * inner;
    vit_real *dx = x->grad->data + outer * n * inner;
    const bool adds = vit_step_adds(step, 0);
    (void)worker;
    for (int64_t k = 0; k < n; k++, dx += inner)
        for (int64_t i = 0; i < inner; i++)
            dx[i] = dy[i] / (vit_real)n + (adds ? dx[i] : 0);
}

static void backward(const struct vit_step *step)
{
    const struct vit_tensor *x = step->op->in[0];
    struct vit_step job = *step;
    int64_t outer = 1;
    for (int a = 0; a < step->op->attr.axis; a++)
        outer *= x->dim[a];
    vit_parallel_for(step->pool, outer, back_outer, &job);
}

const struct vit_op_def vit_op_reduce_mean = {
    .name = "reduce_mean",
    .op_class = VIT_CLASS_REDUCTION,
    .min_in = 1,
    .max_in = 1,
    .infer = infer,
    .cost = cost,
    .backward = (const struct vit_kernel[]){{.name = "broadcast", .forward = backward}, {0}},
    .backward_cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "double_sum", .forward = forward, .stream = stream}, {0}},
};
