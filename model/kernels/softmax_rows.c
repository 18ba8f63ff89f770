/* SPDX-License-Identifier: MIT */
/* softmax_rows.c - softmax of each row. The highest element is subtracted first, so that no exponential overflows. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"
#include "model/kernels/vector_math.h"

#include <math.h>

static vit_real highest(const vit_real *x, int64_t n)
{
    vit_vector high = vit_vector_fill((vit_real)-INFINITY);
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        high = vit_vector_max(high, vit_vector_load(x + i));
    if (i < n)
        high = vit_vector_max(high, vit_vector_load_part(x + i, n - i, (vit_real)-INFINITY));
    return vit_vector_highest(high);
}

/* y = exp(x - high); returns the sum. */
static vit_real exponentials(vit_real *y, const vit_real *x, int64_t n, vit_real high)
{
    vit_vector sum = {0};
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        vit_vector e = vit_vector_exp_negative(vit_vector_load(x + i) - high);
        vit_vector_store(y + i, e);
        sum += e;
    }
    if (i < n) {
        vit_vector e = vit_vector_exp_negative(vit_vector_load_part(x + i, n - i, (vit_real)-INFINITY) - high);
        vit_vector_store_part(y + i, e, n - i);
        sum += e; /* lanes past the end are exp(-inf) = 0 */
    }
    return vit_vector_sum(sum);
}

static void multiply(vit_real *y, int64_t n, vit_real factor)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        vit_vector_store(y + i, vit_vector_load(y + i) * factor);
    if (i < n)
        vit_vector_store_part(y + i, vit_vector_load_part(y + i, n - i, 0) * factor, n - i);
}

/* y, x: (rows, n); y may be x. Sums of blocks are added in double, so that long rows lose no digit. */
void VIT_KERNEL_NAME(softmax_rows)(vit_real *y, const vit_real *x, int64_t rows, int64_t n)
{
    enum { BLOCK = 1024 };
    for (int64_t row = 0; row < rows; row++, y += n, x += n) {
        const vit_real high = highest(x, n);
        double sum = 0;
        for (int64_t i = 0; i < n; i += BLOCK)
            sum += (double)exponentials(y + i, x + i, n - i < BLOCK ? n - i : BLOCK, high);
        multiply(y, n, (vit_real)(1 / sum));
    }
}
