/* SPDX-License-Identifier: MIT */
/* layout.c - copies between layouts: many short runs, and transposes. */
#include "model/kernels/isa.h"

#include <string.h>

/* Below this many elements a call of memcpy costs more than the copy. */
enum { SHORT_RUN = 512 };

static inline void copy_short(vit_real *restrict y, const vit_real *restrict x, int64_t n)
{
    if (n < VIT_LANES) {
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i];
        return;
    }
    for (int64_t i = 0; i <= n - VIT_LANES; i += VIT_LANES)
        *(vit_vector *)(y + i) = *(const vit_vector *)(x + i);
    *(vit_vector *)(y + n - VIT_LANES) = *(const vit_vector *)(x + n - VIT_LANES); /* the rest, overlapping */
}

/* n[0] times n[1] runs of n[2] elements; the strides lie between the runs of each axis. */
void VIT_KERNEL_NAME(copy_runs)(vit_real *y, const vit_real *x, const int64_t *n, const int64_t *y_stride,
                                const int64_t *x_stride)
{
    for (int64_t i = 0; i < n[0]; i++) {
        vit_real *yi = y + i * y_stride[0];
        const vit_real *xi = x + i * x_stride[0];
        int64_t run = n[2], runs = n[1], y_step = y_stride[1], x_step = x_stride[1];
        if (run == 1)
            for (int64_t k = 0; k < runs; k++)
                yi[k * y_step] = xi[k * x_step];
        else if (run < SHORT_RUN)
            for (int64_t k = 0; k < runs; k++)
                copy_short(yi + k * y_step, xi + k * x_step, run);
        else
            for (int64_t k = 0; k < runs; k++)
                memcpy(yi + k * y_step, xi + k * x_step, (size_t)run * sizeof(vit_real));
    }
}

/* A block of BLOCK x BLOCK elements in registers of 16 bytes: the shuffles stay within what every processor does in one
 * instruction, and loads and stores, not shuffles, set the pace. */
typedef vit_real block_row __attribute__((vector_size(16), aligned(sizeof(vit_real)), may_alias));
enum { BLOCK = 16 / (int)sizeof(vit_real), LINE = 64 / (int)sizeof(vit_real) };

static inline void transpose_block(vit_real *y, int64_t y_stride, const vit_real *x, int64_t x_stride)
{
    const block_row *x0 = (const block_row *)x, *x1 = (const block_row *)(x + x_stride);
    block_row *y0 = (block_row *)y, *y1 = (block_row *)(y + y_stride);
#ifdef VIT_REAL_DOUBLE
    block_row a = *x0, b = *x1;
    *y0 = __builtin_shufflevector(a, b, 0, 2);
    *y1 = __builtin_shufflevector(a, b, 1, 3);
#else
    block_row a = *x0, b = *x1, c = *(const block_row *)(x + 2 * x_stride), d = *(const block_row *)(x + 3 * x_stride);
    block_row ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    block_row bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    *y0 = __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    *y1 = __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    *(block_row *)(y + 2 * y_stride) = __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(block_row *)(y + 3 * y_stride) = __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
#endif
}

/* y (n[1], n[0]) with y_stride between rows = transpose of x (n[0], n[1]) with x_stride between rows. Panels of LINE
 * rows of x, so that whole cache lines of y are written. */
void VIT_KERNEL_NAME(transpose)(vit_real *y, const vit_real *x, const int64_t *n, int64_t y_stride, int64_t x_stride)
{
    int64_t rows = n[0], columns = n[1], whole = columns - columns % BLOCK;
    int64_t i = 0;
    while (i + BLOCK <= rows) {
        int64_t panel = rows - i < LINE ? (rows - i) / BLOCK * BLOCK : LINE;
        for (int64_t j = 0; j < whole; j += BLOCK) {
            for (int64_t k = j; k < j + BLOCK; k++) { /* the next panel: its lines of y, and of x one in LINE columns */
                __builtin_prefetch(y + k * y_stride + i + LINE, 1);
                __builtin_prefetch(x + (i + LINE + k % LINE) * x_stride + k);
            }
            for (int64_t k = i; k < i + panel; k += BLOCK)
                transpose_block(y + j * y_stride + k, y_stride, x + k * x_stride + j, x_stride);
        }
        for (int64_t j = whole; j < columns; j++)
            for (int64_t k = i; k < i + panel; k++)
                y[j * y_stride + k] = x[k * x_stride + j];
        i += panel;
    }
    for (; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            y[j * y_stride + i] = x[i * x_stride + j];
}
