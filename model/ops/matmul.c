/* SPDX-License-Identifier: MIT */
/* matmul: c = op(a) op(b) for each matrix of a batch; op transposes the last two dims where trans_a, trans_b say so.
 * op(a) (..., M, K), op(b) (..., K, N), leading dims equal -> c (..., M, N). MACs: batch * M * N * K; FLOPs: 2 MACs.
 *
 * Back: the same, of the other two: d op(a) = dc op(b)^T and d op(b) = op(a)^T dc, transposed where op transposes; a
 * and b are kept. MACs: as many again for each.
 *
 * "panels": each right side is packed into panels of VIT_PANEL columns; the left side is read where it lies, in either
 * order. "openblas": the same pieces. */
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/blas_stream.h"
#include "model/kernel_set.h"
#include "model/kernels/panel.h"
#include "model/plan.h"

struct product {
    const vit_real *a, *b;
    vit_real *c, *scratch;
    bool trans_a, trans_b, adds;
    int64_t batch, m, n, k;
    int64_t rows;     /* of a matrix, per piece: all where a piece has several matrices */
    int64_t width;    /* columns of a panel */
    int64_t matrices; /* per piece: 1 where a matrix has several pieces */
    bool openblas;
    struct vit_access *access; /* NULL: compute; else name what that touches */
};

static int infer(struct vit_op *op)
{
    const struct vit_tensor *a = op->in[0], *b = op->in[1];
    const int last = a->ndim - 1;
    char text_a[VIT_SHAPE_TEXT], text_b[VIT_SHAPE_TEXT];
    bool fits = a->ndim >= 2 && b->ndim == a->ndim;
    for (int i = 0; fits && i < last - 1; i++)
        fits = a->dim[i] == b->dim[i];
    if (!fits || a->dim[last - op->attr.trans_a] != b->dim[last - !op->attr.trans_b])
        return vit_op_fail(op, "%s%s times %s%s: leading dims must be equal, and the inner dims",
                           vit_shape_text(a, text_a), op->attr.trans_a ? " transposed" : "", vit_shape_text(b, text_b),
                           op->attr.trans_b ? " transposed" : "");
    int64_t dim[VIT_MAX_DIMS];
    for (int i = 0; i < last - 1; i++)
        dim[i] = a->dim[i];
    dim[last - 1] = a->dim[last - !op->attr.trans_a];
    dim[last] = b->dim[last - op->attr.trans_b];
    vit_op_shape(op, a->ndim, dim);
    return VIT_OK;
}

static struct product describe(const struct vit_op *op)
{
    const struct vit_tensor *a = op->in[0], *c = op->out[0];
    struct product p = {.a = a->data,
                        .b = op->in[1]->data,
                        .c = c->data,
                        .trans_a = op->attr.trans_a,
                        .trans_b = op->attr.trans_b,
                        .batch = 1,
                        .m = c->dim[c->ndim - 2],
                        .n = c->dim[c->ndim - 1],
                        .k = a->dim[a->ndim - 1 - op->attr.trans_a]};
    for (int i = 0; i < c->ndim - 2; i++)
        p.batch *= c->dim[i];
    return p;
}

/* da = dc op(b)^T, or where a is transposed, its transpose: op(b) dc^T. */
static struct product describe_left(const struct vit_op *op)
{
    const struct product p = describe(op);
    const vit_real *dc = op->out[0]->grad->data;
    return op->attr.trans_a ? (struct product){.a = p.b,
                                               .b = dc,
                                               .c = op->in[0]->grad->data,
                                               .trans_a = p.trans_b,
                                               .trans_b = true,
                                               .batch = p.batch,
                                               .m = p.k,
                                               .n = p.m,
                                               .k = p.n}
                            : (struct product){.a = dc,
                                               .b = p.b,
                                               .c = op->in[0]->grad->data,
                                               .trans_b = !p.trans_b,
                                               .batch = p.batch,
                                               .m = p.m,
                                               .n = p.k,
                                               .k = p.n};
}

/* db = op(a)^T dc, or where b is transposed, its transpose: dc^T op(a). */
static struct product describe_right(const struct vit_op *op)
{
    const struct product p = describe(op);
    const vit_real *dc = op->out[0]->grad->data;
    return op->attr.trans_b ? (struct product){.a = dc,
                                               .b = p.a,
                                               .c = op->in[1]->grad->data,
                                               .trans_a = true,
                                               .trans_b = p.trans_a,
                                               .batch = p.batch,
                                               .m = p.n,
                                               .n = p.k,
                                               .k = p.m}
                            : (struct product){.a = p.a,
                                               .b = dc,
                                               .c = op->in[1]->grad->data,
                                               .trans_a = !p.trans_a,
                                               .batch = p.batch,
                                               .m = p.k,
                                               .n = p.n,
                                               .k = p.m};
}

static void count(const struct vit_op *op, struct vit_cost *cost)
{
    cost->macs = vit_numel(op->out[0]) * op->in[0]->dim[op->in[0]->ndim - 1 - op->attr.trans_a];
    cost->flops = 2 * cost->macs;
}

static void backward_count(const struct vit_op *op, struct vit_cost *cost)
{
    count(op, cost);
    cost->macs *= (op->in[0]->grad != NULL) + (op->in[1]->grad != NULL);
    cost->flops = 2 * cost->macs;
}

static size_t panels_workspace(const struct vit_op *op, int threads)
{
    return (size_t)threads * (size_t)(describe(op).k * VIT_PANEL) * sizeof(vit_real);
}

static size_t panels_backward_workspace(const struct vit_op *op, int threads)
{
    const struct product p = describe(op);
    return (size_t)threads * (size_t)((p.m > p.n ? p.m : p.n) * VIT_PANEL) * sizeof(vit_real);
}

/* VIT_PANEL columns of b, or what is left of them, as a panel. */
static void pack(const struct product *p, vit_real *panel, const vit_real *b, int64_t columns)
{
    const struct vit_kernel_set *kernels = vit_kernels();
    const int64_t size[2] = {p->k, columns};
    if (p->access && p->trans_b)
        kernels->panel_columns_stream(p->access, panel, b, p->k, size);
    else if (p->access)
        kernels->panel_rows_stream(p->access, panel, b, p->n, size);
    else if (p->trans_b)
        kernels->panel_columns(panel, b, p->k, size);
    else
        kernels->panel_rows(panel, b, p->n, size);
}

static void multiply_panels(const struct product *p, int64_t matrix, int64_t row, vit_real *panel)
{
    const int64_t rows = p->m - row < p->rows ? p->m - row : p->rows;
    const vit_real *a = p->a + matrix * p->m * p->k + row * (p->trans_a ? 1 : p->k);
    const vit_real *b = p->b + matrix * p->k * p->n;
    vit_real *c = p->c + (matrix * p->m + row) * p->n;
    for (int64_t column = 0; column < p->n; column += p->width) {
        const int64_t columns = p->n - column < p->width ? p->n - column : p->width;
        const struct vit_panel_product product = {.c = c + column,
                                                  .ldc = p->n,
                                                  .a = a,
                                                  .a_row = p->trans_a ? 1 : p->k,
                                                  .a_column = p->trans_a ? p->m : 1,
                                                  .panel = panel,
                                                  .m = rows,
                                                  .n = columns,
                                                  .k = p->k,
                                                  .adds = p->adds};
        pack(p, panel, b + column * (p->trans_b ? p->k : 1), columns);
        if (p->access)
            vit_kernels()->panel_product_stream(p->access, &product);
        else
            vit_kernels()->panel_product(&product);
    }
}

static void multiply_openblas(const struct product *p, int64_t matrix, int64_t row)
{
    const struct vit_gemm product = {.trans_a = p->trans_a,
                                     .trans_b = p->trans_b,
                                     .m = (int)(p->m - row < p->rows ? p->m - row : p->rows),
                                     .n = (int)p->n,
                                     .k = (int)p->k,
                                     .alpha = 1,
                                     .beta = p->adds ? 1 : 0,
                                     .a = p->a + matrix * p->m * p->k + row * (p->trans_a ? 1 : p->k),
                                     .lda = (int)(p->trans_a ? p->m : p->k),
                                     .b = p->b + matrix * p->k * p->n,
                                     .ldb = (int)(p->trans_b ? p->k : p->n),
                                     .c = p->c + (matrix * p->m + row) * p->n,
                                     .ldc = (int)p->n};
    if (p->access)
        vit_gemm_stream(p->access, &product);
    else
        vit_gemm(&product);
}

/* Rows [row, row + rows) of one matrix. */
static void multiply(const struct product *p, int64_t matrix, int64_t row, int worker)
{
    if (p->openblas)
        multiply_openblas(p, matrix, row);
    else
        multiply_panels(p, matrix, row, p->scratch + worker * p->k * VIT_PANEL);
}

static void multiply_piece(void *context, int64_t piece, int worker)
{
    const struct product *p = context;
    const int64_t down = (p->m + p->rows - 1) / p->rows;
    if (down > 1) {
        multiply(p, piece / down, piece % down * p->rows, worker);
        return;
    }
    for (int64_t matrix = piece * p->matrices; matrix < (piece + 1) * p->matrices && matrix < p->batch; matrix++)
        multiply(p, matrix, 0, worker);
}

/* Tiles of one vector wait for their loads: two panels of two vectors are faster than one of three and one of one. */
static int64_t panel_width(int64_t n)
{
    const int64_t vector = vit_kernels()->lanes;
    return 3 * vector == VIT_PANEL && n > VIT_PANEL && n <= VIT_PANEL + vector ? 2 * vector : VIT_PANEL;
}

static void run(struct product *p, struct vit_parallel *pool)
{
    enum { PIECE_MACS = 4000000, ROW_STEP = 8 };
    p->width = panel_width(p->n);
    const int64_t row_macs = p->n * p->k + 1, macs = p->m * row_macs;
    p->matrices = macs < PIECE_MACS ? PIECE_MACS / (macs + 1) + 1 : 1;
    p->rows = macs < PIECE_MACS ? p->m : (PIECE_MACS / row_macs / ROW_STEP + 1) * ROW_STEP;
    const int64_t down = p->rows > 0 ? (p->m + p->rows - 1) / p->rows : 0;
    const int64_t pieces = down > 1 ? p->batch * down : (p->batch + p->matrices - 1) / p->matrices;
    vit_parallel_for(p->access ? NULL : pool, pieces, multiply_piece, p);
}

static void panels_walk(const struct vit_step *step, struct vit_access *access)
{
    struct product p = describe(step->op);
    p.scratch = step->workspace;
    p.access = access;
    run(&p, step->pool);
}

static void panels_forward(const struct vit_step *step)
{
    panels_walk(step, NULL);
}

static void openblas_walk(const struct vit_step *step, struct vit_access *access)
{
    struct product p = describe(step->op);
    p.openblas = true;
    p.access = access;
    run(&p, step->pool);
}

static void openblas_forward(const struct vit_step *step)
{
    openblas_walk(step, NULL);
}

static void run_back(const struct vit_step *step, struct vit_access *access, bool openblas)
{
    struct product (*const side[])(const struct vit_op *) = {describe_left, describe_right};
    for (int i = 0; i < 2; i++) {
        if (!step->op->in[i]->grad)
            continue;
        struct product p = side[i](step->op);
        p.scratch = step->workspace;
        p.adds = vit_step_adds(step, i);
        p.openblas = openblas;
        p.access = access;
        run(&p, step->pool);
    }
}

static void panels_backward(const struct vit_step *step)
{
    run_back(step, NULL, false);
}

static void panels_back_stream(const struct vit_step *step, struct vit_access *access)
{
    run_back(step, access, false);
}

static void openblas_backward(const struct vit_step *step)
{
    run_back(step, NULL, true);
}

static void openblas_back_stream(const struct vit_step *step, struct vit_access *access)
{
    run_back(step, access, true);
}

static const struct vit_kernel kernels[] = {
    {.name = "panels", .workspace = panels_workspace, .forward = panels_forward, .stream = panels_walk},
    {.name = "openblas", .forward = openblas_forward, .stream = openblas_walk, .blas = true},
    {0}};

static const struct vit_kernel backward_kernels[] = {
    {.name = "panels",
     .workspace = panels_backward_workspace,
     .forward = panels_backward,
     .stream = panels_back_stream},
    {.name = "openblas", .forward = openblas_backward, .stream = openblas_back_stream, .blas = true},
    {0}};

const struct vit_op_def vit_op_matmul = {.name = "matmul",
                                         .op_class = VIT_CLASS_GEMM,
                                         .min_in = 2,
                                         .max_in = 2,
                                         .outputs = 1,
                                         .infer = infer,
                                         .cost = count,
                                         .cpu = kernels,
                                         .backward = backward_kernels,
                                         .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
                                         .backward_cost = backward_count};
