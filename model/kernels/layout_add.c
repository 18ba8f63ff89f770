/* SPDX-License-Identifier: MIT */
/* layout_add.c - the copies of layout.c in their adding form, for gradients: what is copied is added to what is there.
 */
#include "model/kernels/isa.h"

/* y[i, k, :] += x[i, k, :] for i < n[0], k < n[1]; runs of n[2] elements. */
void VIT_KERNEL_NAME(add_runs)(vit_real *y, const vit_real *x, const int64_t *n, const int64_t *y_stride,
                               const int64_t *x_stride)
{
    for (int64_t i = 0; i < n[0]; i++)
        for (int64_t k = 0; k < n[1]; k++) {
            vit_real *restrict to = y + i * y_stride[0] + k * y_stride[1];
            const vit_real *restrict from = x + i * x_stride[0] + k * x_stride[1];
            for (int64_t j = 0; j < n[2]; j++)
                to[j] += from[j];
        }
}

/* y (columns, rows) += x (rows, columns) transposed: n = rows, columns; tiles that stay in the first cache. */
void VIT_KERNEL_NAME(add_transpose)(vit_real *y, const vit_real *x, const int64_t *n, int64_t y_stride,
                                    int64_t x_stride)
{
    enum { TILE = 32 };
    for (int64_t row = 0; row < n[0]; row += TILE)
        for (int64_t column = 0; column < n[1]; column += TILE) {
            const int64_t row_end = row + TILE < n[0] ? row + TILE : n[0];
            const int64_t column_end = column + TILE < n[1] ? column + TILE : n[1];
            for (int64_t c = column; c < column_end; c++)
                for (int64_t r = row; r < row_end; r++)
                    y[c * y_stride + r] += x[r * x_stride + c];
        }
}
