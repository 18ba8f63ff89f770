/* SPDX-License-Identifier: MIT */
/* dx (M, K) = dy (M, N) w (N, K), dw (N, K) = dy^T x, dbias (N) = sums of the columns of dy. */
#include "model/linear_backward.h"

#include "model/blas.h"
#include "model/kernel_set.h"
#include "model/row_panels.h"
#include "model/weight_gradient.h"

struct way_back {
    const vit_real *x, *w, *dy;
    vit_real *dx, *dw, *db; /* NULL: not asked for */
    bool adds_dx, adds_dw, adds_db;
    int64_t m, n, k;
    int64_t piece; /* openblas: rows of dx or of dw */
};

static vit_real *gradient_of(const struct vit_op *op, int input)
{
    return input < op->n_in && op->in[input]->grad ? op->in[input]->grad->data : NULL;
}

static struct way_back describe(const struct vit_op *op)
{
    const struct vit_tensor *w = op->in[1];
    return (struct way_back){.x = op->in[0]->data,
                             .w = w->data,
                             .dy = op->out[0]->grad->data,
                             .dx = gradient_of(op, 0),
                             .dw = gradient_of(op, 1),
                             .db = gradient_of(op, 2),
                             .m = vit_numel(op->out[0]) / w->dim[0],
                             .n = w->dim[0],
                             .k = w->dim[1]};
}

static struct way_back describe_step(const struct vit_step *step)
{
    struct way_back b = describe(step->op);
    b.adds_dx = vit_step_adds(step, 0);
    b.adds_dw = vit_step_adds(step, 1);
    b.adds_db = vit_step_adds(step, 2);
    return b;
}

void vit_linear_backward_cost(const struct vit_op *op, struct vit_cost *cost)
{
    const int64_t outputs = vit_numel(op->out[0]);
    const int products = (op->in[0]->grad != NULL) + (op->in[1]->grad != NULL);
    cost->macs = products * outputs * op->in[1]->dim[1];
    cost->flops = 2 * cost->macs + (op->n_in > 2 && op->in[2]->grad ? outputs : 0);
}

/* Rows of dy^T. */
static const vit_real *copy_left(const void *source, vit_real *scratch, const struct vit_side_block *block,
                                 int64_t *stride)
{
    const struct way_back *b = source;
    *stride = block->steps;
    vit_kernels()->transpose(scratch, b->dy + block->step * b->n + block->first,
                             (const int64_t[]){block->steps, block->n}, block->steps, b->n);
    return scratch;
}

static void pack_right(const void *source, vit_real *panel, const struct vit_side_block *block)
{
    const struct way_back *b = source;
    vit_kernels()->panel_rows(panel, b->x + block->step * b->k + block->first, b->k,
                              (const int64_t[]){block->steps, block->n});
}

static struct vit_weight_gradient weight_gradient(const struct way_back *b)
{
    return (struct vit_weight_gradient){.dw = b->dw,
                                        .sums = b->db,
                                        .rows = b->n,
                                        .columns = b->k,
                                        .k = b->m,
                                        .adds_dw = b->adds_dw,
                                        .adds_sums = b->adds_db,
                                        .source = b,
                                        .left = copy_left,
                                        .right = pack_right};
}

static bool has_weight_gradient(const struct vit_op *op)
{
    return op->in[1]->grad || (op->n_in > 2 && op->in[2]->grad);
}

size_t vit_linear_backward_workspace(const struct vit_op *op, int threads)
{
    const struct way_back b = describe(op);
    const struct vit_weight_gradient gradient = weight_gradient(&b);
    const size_t rows = op->in[0]->grad ? vit_row_panels_workspace(b.n, threads) : 0;
    const size_t weights = has_weight_gradient(op) ? vit_weight_gradient_workspace(&gradient, threads) : 0;
    return rows > weights ? rows : weights;
}

void vit_linear_backward(const struct vit_step *step)
{
    const struct way_back b = describe_step(step);
    const struct vit_weight_gradient gradient = weight_gradient(&b);
    if (b.dx)
        vit_row_panels_run(&(struct vit_row_panels){.c = b.dx,
                                                    .a = b.dy,
                                                    .b = b.w,
                                                    .adds = b.adds_dx,
                                                    .m = b.m,
                                                    .n = b.k,
                                                    .k = b.n,
                                                    .scratch = step->workspace},
                           step->pool);
    if (b.dw || b.db)
        vit_weight_gradient_run(&gradient, step->workspace, step->pool);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void blas_dx(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct way_back *b = context;
    const int64_t first = piece * b->piece;
    vit_gemm(&(struct vit_gemm){.m = (int)smaller(b->piece, b->m - first),
                                .n = (int)b->k,
                                .k = (int)b->n,
                                .alpha = 1,
                                .beta = b->adds_dx ? 1 : 0,
                                .a = b->dy + first * b->n,
                                .lda = (int)b->n,
                                .b = b->w,
                                .ldb = (int)b->k,
                                .c = b->dx + first * b->k,
                                .ldc = (int)b->k});
}

/* Rows of dw. */
static void blas_dw(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct way_back *b = context;
    const int64_t first = piece * b->piece, rows = smaller(b->piece, b->n - first);
    vit_gemm(&(struct vit_gemm){.trans_a = true,
                                .m = (int)rows,
                                .n = (int)b->k,
                                .k = (int)b->m,
                                .alpha = 1,
                                .beta = b->adds_dw ? 1 : 0,
                                .a = b->dy + first,
                                .lda = (int)b->n,
                                .b = b->x,
                                .ldb = (int)b->k,
                                .c = b->dw + first * b->k,
                                .ldc = (int)b->k});
}

void vit_linear_backward_blas(const struct vit_step *step)
{
    enum { ROWS = 512, WEIGHT_ROWS = 96 };
    struct way_back b = describe_step(step);
    b.piece = ROWS;
    if (b.dx)
        vit_parallel_for(step->pool, (b.m + b.piece - 1) / b.piece, blas_dx, &b);
    b.piece = WEIGHT_ROWS;
    if (b.dw)
        vit_parallel_for(step->pool, (b.n + b.piece - 1) / b.piece, blas_dw, &b);
    b.dw = NULL;
    const struct vit_weight_gradient sums = weight_gradient(&b);
    if (b.db)
        vit_weight_gradient_run(&sums, step->workspace, step->pool);
}
