/* SPDX-License-Identifier: MIT */
/* normalize.c - normalisation with the moments of each row (layer norm) or with given ones (batch norm at inference).
 */
#include "model/kernels/isa.h"
#include "model/kernels/layer_norm.h"
#include "model/kernels/vector_lanes.h"

#include <math.h>

/* Sums of d and of d * d, d = x - centre. */
static void centred_sums(const vit_real *x, int64_t n, vit_real centre, vit_real sums[2])
{
    vit_vector sum = {0}, square_sum[2] = {{0}};
    int64_t i = 0;
    for (; i + 2 * VIT_LANES <= n; i += 2 * VIT_LANES) {
        vit_vector d = vit_vector_load(x + i) - centre, e = vit_vector_load(x + i + VIT_LANES) - centre;
        sum += d + e;
        square_sum[0] += d * d;
        square_sum[1] += e * e;
    }
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        vit_vector d = vit_vector_load(x + i) - centre;
        sum += d;
        square_sum[0] += d * d;
    }
    if (i < n) {
        vit_vector d = vit_vector_load_part(x + i, n - i, centre) - centre;
        sum += d;
        square_sum[1] += d * d;
    }
    sums[0] = vit_vector_sum(sum);
    sums[1] = vit_vector_sum(square_sum[0] + square_sum[1]);
}

/* y, x: (rows, n). The second pass over x corrects the rounding of the first mean, so that rows far
 * from zero keep their precision. */
void VIT_KERNEL_NAME(layer_norm_rows)(vit_real *y, const vit_real *x, const struct vit_layer_norm *norm, int64_t rows,
                                      int64_t n)
{
    const vit_real *weight = norm->weight, *bias = norm->bias;
    const vit_real inverse = 1 / (vit_real)n;
    for (int64_t row = 0; row < rows; row++, y += n, x += n) {
        vit_real centre = vit_row_sum(x, n) * inverse, sums[2];
        centred_sums(x, n, centre, sums);
        vit_real correction = sums[0] * inverse;
        vit_real variance = sums[1] * inverse - correction * correction;
        vit_real factor = (vit_real)(1 / sqrt((double)variance + norm->eps));
        for (int64_t i = 0; i < n; i++)
            y[i] = ((x[i] - centre) - correction) * factor * weight[i] + bias[i];
    }
}

/* y, x: (rows, n); scale, shift: (rows). */
void VIT_KERNEL_NAME(scale_shift_rows)(vit_real *y, const vit_real *x, const vit_real *scale, const vit_real *shift,
                                       int64_t rows, int64_t n)
{
    for (int64_t row = 0; row < rows; row++, y += n, x += n) {
        int64_t i = 0;
        for (; i + VIT_LANES <= n; i += VIT_LANES)
            vit_vector_store(y + i, vit_vector_load(x + i) * scale[row] + shift[row]);
        if (i < n)
            vit_vector_store_part(y + i, vit_vector_load_part(x + i, n - i, 0) * scale[row] + shift[row], n - i);
    }
}

/* y, x: (rows, n); scale, shift: (n). */
void VIT_KERNEL_NAME(scale_shift_columns)(vit_real *y, const vit_real *x, const vit_real *scale, const vit_real *shift,
                                          int64_t rows, int64_t n)
{
    for (int64_t row = 0; row < rows; row++, y += n, x += n)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * scale[i] + shift[i];
}
