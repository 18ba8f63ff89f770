/* SPDX-License-Identifier: MIT */
/* row_sums.c - sums of rows, added up: gradients of biases. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

/* y (n) += sums of the rows of x (n, k; stride); size {n, k}. */
void VIT_KERNEL_NAME(row_sums)(vit_real *y, const vit_real *x, const int64_t size[2], int64_t stride)
{
    for (int64_t i = 0; i < size[0]; i++)
        y[i] += vit_row_sum(x + i * stride, size[1]);
}
