/* SPDX-License-Identifier: MIT */
/* broadcast_rows.c - sums and products of rows. y, a: (rows, n); y may be a. Row r of b starts at b + r * stride and
 * has n elements, or in the _scalars forms one element for the whole row. _add: added to y. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

void VIT_KERNEL_NAME(add_rows)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                               int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride)
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] + b[i];
}

void VIT_KERNEL_NAME(mul_rows)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                               int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride)
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * b[i];
}

void VIT_KERNEL_NAME(add_scalars)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                                  int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride) {
        const vit_real scalar = *b;
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] + scalar;
    }
}

void VIT_KERNEL_NAME(mul_scalars)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                                  int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride) {
        const vit_real scalar = *b;
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * scalar;
    }
}

void VIT_KERNEL_NAME(mul_add_rows)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                                   int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride)
        for (int64_t i = 0; i < n; i++)
            y[i] += a[i] * b[i];
}

void VIT_KERNEL_NAME(mul_add_scalars)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n,
                                      int64_t stride)
{
    for (int64_t row = 0; row < rows; row++, y += n, a += n, b += stride) {
        const vit_real scalar = *b;
        for (int64_t i = 0; i < n; i++)
            y[i] += a[i] * scalar;
    }
}
