/* SPDX-License-Identifier: MIT */
/* mean_rows.c - means over the middle axis, long sums in double: they lose no digit. */
#include "model/access.h"
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

/* y: (rows), x: (rows, n). */
void VIT_KERNEL_NAME(mean_rows)(vit_real *y, const vit_real *x, int64_t rows, int64_t n)
{
    enum { BLOCK = 512 };
    for (int64_t row = 0; row < rows; row++, x += n) {
        double sum = 0;
        for (int64_t i = 0; i < n; i += BLOCK)
            sum += (double)vit_row_sum(x + i, n - i < BLOCK ? n - i : BLOCK);
        y[row] = (vit_real)(sum / (double)n);
    }
}

/* Columns whose sums are kept at a time. */
enum { COLUMN_BLOCK = 64 };

/* y: (width), a range of columns of x: (n, stride), width <= stride. */
void VIT_KERNEL_NAME(mean_columns)(vit_real *y, const vit_real *x, int64_t width, int64_t n, int64_t stride)
{
    for (int64_t begin = 0; begin < width; begin += COLUMN_BLOCK) {
        const int64_t block = width - begin < COLUMN_BLOCK ? width - begin : COLUMN_BLOCK;
        double sum[COLUMN_BLOCK] = {0};
        for (int64_t row = 0; row < n; row++)
            for (int64_t k = 0; k < block; k++)
                sum[k] += (double)x[row * stride + begin + k];
        for (int64_t k = 0; k < block; k++)
            y[begin + k] = (vit_real)(sum[k] / (double)n);
    }
}

/* What mean_columns touches; size: width, n, stride. */
void VIT_KERNEL_NAME(mean_columns_stream)(struct vit_access *access, const vit_real *y, const vit_real *x,
                                          const int64_t *size)
{
    const int64_t width = size[0], n = size[1], stride = size[2];
    for (int64_t begin = 0; begin < width; begin += COLUMN_BLOCK) {
        const size_t bytes = (size_t)(width - begin < COLUMN_BLOCK ? width - begin : COLUMN_BLOCK) * sizeof *x;
        for (int64_t row = 0; row < n; row++)
            vit_access_read(access, x + row * stride + begin, bytes);
        vit_access_write(access, y + begin, bytes);
    }
}
