/* SPDX-License-Identifier: MIT */
/* linear: y[m, n] = bias[n] + sum over k of x[m, k] * w[n, k]. x (..., K), w (N, K), [bias (N)] -> y (..., N); M is the
 * product of the leading dims. MACs: M * N * K; FLOPs: 2 MACs + one per output with a bias.
 *
 * Back: dx = dy w, dw = dy^T x, dbias = sums of the columns of dy; x and w are kept. As many MACs again for each of dx
 * and dw, one FLOP per output for dbias.
 *
 * "panels": row_panels.h. "dots": few rows, each output a product of two rows. "openblas": rows in pieces, where they
 * are few pieces of columns. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/blas_stream.h"
#include "model/kernel_set.h"
#include "model/linear_backward.h"
#include "model/row_panels.h"

#include <string.h>

struct product {
    const vit_real *x, *w, *bias;
    vit_real *y;
    int64_t m, n, k;
    int64_t rows, columns;     /* of a piece */
    struct vit_access *access; /* NULL: compute; else name what that touches */
};

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *w = op->in[1];
    char a[VIT_SHAPE_TEXT], b[VIT_SHAPE_TEXT];
    if (x->ndim < 1 || w->ndim != 2 || w->dim[1] != x->dim[x->ndim - 1])
        return vit_op_fail(op, "weight %s must be (outputs, %lld) for input %s", vit_shape_text(w, a),
                           (long long)(x->ndim ? x->dim[x->ndim - 1] : 0), vit_shape_text(x, b));
    if (op->n_in > 2 && (op->in[2]->ndim != 1 || op->in[2]->dim[0] != w->dim[0]))
        return vit_op_fail(op, "bias %s must be (%lld,)", vit_shape_text(op->in[2], a), (long long)w->dim[0]);
    int64_t dim[VIT_MAX_DIMS];
    for (int i = 0; i + 1 < x->ndim; i++)
        dim[i] = x->dim[i];
    dim[x->ndim - 1] = w->dim[0];
    vit_op_shape(op, x->ndim, dim);
    return VIT_OK;
}

static void count(const struct vit_op *op, struct vit_cost *cost)
{
    const int64_t outputs = vit_numel(op->out[0]);
    cost->macs = outputs * op->in[1]->dim[1];
    cost->flops = 2 * cost->macs + (op->n_in > 2 ? outputs : 0);
}

static struct product describe(const struct vit_op *op)
{
    const struct vit_tensor *w = op->in[1];
    return (struct product){.x = op->in[0]->data,
                            .w = w->data,
                            .bias = op->n_in > 2 ? op->in[2]->data : NULL,
                            .y = op->out[0]->data,
                            .m = w->dim[0] ? vit_numel(op->out[0]) / w->dim[0] : 0,
                            .n = w->dim[0],
                            .k = w->dim[1]};
}

static int64_t pieces_of(int64_t n, int64_t piece)
{
    return (n + piece - 1) / piece;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool has_many_rows(const struct vit_op *op)
{
    enum { FEW_ROWS = 4 };
    return describe(op).m > FEW_ROWS;
}

static size_t panels_workspace(const struct vit_op *op, int threads)
{
    return vit_row_panels_workspace(describe(op).k, threads);
}

static void panels_walk(const struct vit_step *step, struct vit_access *access)
{
    const struct product p = describe(step->op);
    vit_row_panels_run(&(struct vit_row_panels){.c = p.y,
                                                .a = p.x,
                                                .b = p.w,
                                                .bias = p.bias,
                                                .trans_b = true,
                                                .m = p.m,
                                                .n = p.n,
                                                .k = p.k,
                                                .scratch = step->workspace,
                                                .access = access},
                       step->pool);
}

static void panels_forward(const struct vit_step *step)
{
    panels_walk(step, NULL);
}

static void dots_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct product *p = context;
    const int64_t first = piece * p->columns;
    const int64_t size[2] = {smaller(p->columns, p->n - first), p->k};
    const vit_real *w = p->w + first * p->k, *bias = p->bias ? p->bias + first : NULL;
    for (int64_t m = 0; m < p->m; m++) {
        vit_real *y = p->y + m * p->n + first;
        const vit_real *x = p->x + m * p->k;
        if (p->access)
            vit_kernels()->dot_rows_stream(p->access, y, x, w, bias, size);
        else
            vit_kernels()->dot_rows(y, x, w, bias, size);
    }
}

static void dots_walk(const struct vit_step *step, struct vit_access *access)
{
    enum { PIECE_WEIGHTS = 100000 };
    struct product p = describe(step->op);
    p.columns = p.k < PIECE_WEIGHTS ? PIECE_WEIGHTS / p.k : 1;
    p.access = access;
    vit_parallel_for(access ? NULL : step->pool, pieces_of(p.n, p.columns), dots_piece, &p);
}

static void dots_forward(const struct vit_step *step)
{
    dots_walk(step, NULL);
}

static void openblas_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct product *p = context;
    const int64_t across = pieces_of(p->n, p->columns);
    const int64_t row = piece / across * p->rows, column = piece % across * p->columns;
    const int64_t rows = smaller(p->rows, p->m - row), columns = smaller(p->columns, p->n - column);
    const size_t bytes = (size_t)columns * sizeof(vit_real);
    vit_real *y = p->y + row * p->n + column;
    const struct vit_gemm product = {.trans_b = true,
                                     .m = (int)rows,
                                     .n = (int)columns,
                                     .k = (int)p->k,
                                     .alpha = 1,
                                     .beta = p->bias ? 1 : 0,
                                     .a = p->x + row * p->k,
                                     .lda = (int)p->k,
                                     .b = p->w + column * p->k,
                                     .ldb = (int)p->k,
                                     .c = y,
                                     .ldc = (int)p->n};
    for (int64_t m = 0; p->bias && m < rows; m++)
        if (p->access)
            vit_access_zip(p->access, &(struct vit_zip){.y = y + m * p->n, .a = p->bias + column, .bytes = bytes});
        else
            memcpy(y + m * p->n, p->bias + column, bytes);
    if (p->access)
        vit_gemm_stream(p->access, &product);
    else
        vit_gemm(&product);
}

static void openblas_walk(const struct vit_step *step, struct vit_access *access)
{
    enum { ROWS = 512, PIECE_MACS = 4000000, COLUMN_STEP = 64 };
    struct product p = describe(step->op);
    p.rows = ROWS;
    p.columns = p.n;
    p.access = access;
    if (p.m <= ROWS)
        p.columns = (PIECE_MACS / (p.m * p.k + 1) / COLUMN_STEP + 1) * COLUMN_STEP;
    vit_parallel_for(access ? NULL : step->pool, pieces_of(p.m, p.rows) * pieces_of(p.n, p.columns), openblas_piece,
                     &p);
}

static void openblas_forward(const struct vit_step *step)
{
    openblas_walk(step, NULL);
}

static const struct vit_kernel kernels[] = {
    {.name = "panels",
     .supports = has_many_rows,
     .workspace = panels_workspace,
     .forward = panels_forward,
     .stream = panels_walk},
    {.name = "dots", .forward = dots_forward, .stream = dots_walk},
    {.name = "openblas", .forward = openblas_forward, .stream = openblas_walk, .blas = true},
    {0}};

static const struct vit_kernel backward_kernels[] = {
    {.name = "panels", .workspace = vit_linear_backward_workspace, .forward = vit_linear_backward},
    {.name = "openblas", .workspace = vit_linear_backward_workspace, .forward = vit_linear_backward_blas, .blas = true},
    {0}};

const struct vit_op_def vit_op_linear = {.name = "linear",
                                         .op_class = VIT_CLASS_GEMM,
                                         .min_in = 2,
                                         .max_in = 3,
                                         .outputs = 1,
                                         .infer = infer,
                                         .cost = count,
                                         .cpu = kernels,
                                         .backward = backward_kernels,
                                         .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
                                         .backward_cost = vit_linear_backward_cost};
