/* SPDX-License-Identifier: MIT */
/* panel_pack.c - the right side of a matrix product as panels (k, VIT_PANEL) for panel_product: from a matrix or from a
 * transposed matrix. Columns behind the last are zero. */
#include "model/access.h"
#include "model/kernels/isa.h"
#include "model/kernels/panel_clear.h"
#include "model/kernels/short_copy.h"
#include "model/kernels/transpose_stream.h"

/* panel (k, VIT_PANEL), b (k, n; ldb): n <= VIT_PANEL columns. */
void VIT_KERNEL_NAME(panel_rows)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    enum { AHEAD = 16, LINE = 64 / (int)sizeof(vit_real) };
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < n; j += LINE) /* rows are far apart */
            __builtin_prefetch(b + (i + AHEAD) * ldb + j);
        vit_copy_short(panel + i * VIT_PANEL, b + i * ldb, n);
    }
    vit_panel_clear(panel, k, n);
}

void VIT_KERNEL_NAME(panel_rows_stream)(struct vit_access *access, vit_real *panel, const vit_real *b, int64_t ldb,
                                        const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++)
        vit_access_zip(
            access,
            &(struct vit_zip){.y = panel + i * VIT_PANEL, .a = b + i * ldb, .bytes = (size_t)n * sizeof(vit_real)});
    vit_panel_clear_stream(access, panel, k, n);
}

/* panel (k, VIT_PANEL), b (n, k; ldb), the transposed right side. */
void VIT_KERNEL_NAME(panel_columns)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    VIT_KERNEL_NAME(transpose)(panel, b, (const int64_t[]){n, k}, VIT_PANEL, ldb);
    vit_panel_clear(panel, k, n);
}

void VIT_KERNEL_NAME(panel_columns_stream)(struct vit_access *access, vit_real *panel, const vit_real *b, int64_t ldb,
                                           const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    vit_transpose_stream(access, &(struct vit_transpose){panel, b, n, k, VIT_PANEL, ldb});
    vit_panel_clear_stream(access, panel, k, n);
}
