/* SPDX-License-Identifier: MIT */
/* mean_rows.c - means over the middle axis, summed in double: long sums of float lose no digit. */
#include "model/kernels/isa.h"

static double sum_of(const vit_real *x, int64_t n)
{
    enum { LANES = 16 };
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += (double)x[i + k];
    for (int k = 0; i + k < n; k++)
        lane[k] += (double)x[i + k];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int k = 0; k < width; k++)
            lane[k] += lane[k + width];
    return lane[0];
}

/* y: (rows), x: (rows, n). */
void VIT_KERNEL_NAME(mean_rows)(vit_real *y, const vit_real *x, int64_t rows, int64_t n)
{
    for (int64_t row = 0; row < rows; row++, x += n)
        y[row] = (vit_real)(sum_of(x, n) / (double)n);
}

/* y: (width), a range of columns of x: (n, stride), width <= stride. */
void VIT_KERNEL_NAME(mean_columns)(vit_real *y, const vit_real *x, int64_t width, int64_t n, int64_t stride)
{
    enum { BLOCK = 64 };
    for (int64_t begin = 0; begin < width; begin += BLOCK) {
        const int64_t block = width - begin < BLOCK ? width - begin : BLOCK;
        double sum[BLOCK] = {0};
        for (int64_t row = 0; row < n; row++)
            for (int64_t k = 0; k < block; k++)
                sum[k] += (double)x[row * stride + begin + k];
        for (int64_t k = 0; k < block; k++)
            y[begin + k] = (vit_real)(sum[k] / (double)n);
    }
}
