/* SPDX-License-Identifier: MIT */
/* A piece packs VIT_PANEL columns of b into scratch and multiplies some hundred rows of a by them: enough rows to pay
 * for the packing, also on one thread. */
#include "model/row_panels.h"

#include "model/kernel_set.h"
#include "model/kernels/panel.h"

enum { ROWS = 512 };

static int64_t pieces_of(int64_t n, int64_t piece)
{
    return (n + piece - 1) / piece;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t vit_row_panels_workspace(int64_t k, int threads)
{
    return (size_t)threads * (size_t)(k * VIT_PANEL) * sizeof(vit_real);
}

static void pack(const struct vit_row_panels *p, vit_real *panel, int64_t column, int64_t columns)
{
    const struct vit_kernel_set *kernels = vit_kernels();
    const int64_t size[2] = {p->k, columns};
    const vit_real *b = p->b + column * (p->trans_b ? p->k : 1);
    if (p->access && p->trans_b)
        kernels->panel_columns_stream(p->access, panel, b, p->k, size);
    else if (p->access)
        kernels->panel_rows_stream(p->access, panel, b, p->n, size);
    else if (p->trans_b)
        kernels->panel_columns(panel, b, p->k, size);
    else
        kernels->panel_rows(panel, b, p->n, size);
}

static void multiply_piece(void *context, int64_t piece, int worker)
{
    const struct vit_row_panels *p = context;
    const int64_t across = pieces_of(p->n, VIT_PANEL);
    const int64_t row = piece / across * ROWS, column = piece % across * VIT_PANEL;
    const int64_t columns = smaller(VIT_PANEL, p->n - column);
    vit_real *panel = p->scratch + worker * p->k * VIT_PANEL;
    const struct vit_panel_product product = {.c = p->c + row * p->n + column,
                                              .ldc = p->n,
                                              .a = p->a + row * p->k,
                                              .a_row = p->k,
                                              .a_column = 1,
                                              .panel = panel,
                                              .column_bias = p->bias ? p->bias + column : NULL,
                                              .m = smaller(ROWS, p->m - row),
                                              .n = columns,
                                              .k = p->k,
                                              .adds = p->adds};
    pack(p, panel, column, columns);
    if (p->access)
        vit_kernels()->panel_product_stream(p->access, &product);
    else
        vit_kernels()->panel_product(&product);
}

void vit_row_panels_run(const struct vit_row_panels *product, struct vit_parallel *pool)
{
    struct vit_row_panels p = *product;
    vit_parallel_for(p.access ? NULL : pool, pieces_of(p.m, ROWS) * pieces_of(p.n, VIT_PANEL), multiply_piece, &p);
}
