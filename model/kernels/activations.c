/* SPDX-License-Identifier: MIT */
/* activations.c - functions of single elements: y, x: (n); y may be x. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"
#include "model/kernels/vector_math.h"

/* NaN stays NaN. */
void VIT_KERNEL_NAME(relu)(vit_real *y, const vit_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = 0 > x[i] ? 0 : x[i];
}

static inline vit_vector gelu_vector(vit_vector x)
{
    return x * vit_vector_normal_cdf(x);
}

void VIT_KERNEL_NAME(gelu)(vit_real *y, const vit_real *x, int64_t n)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        vit_vector_store(y + i, gelu_vector(vit_vector_load(x + i)));
    if (i < n)
        vit_vector_store_part(y + i, gelu_vector(vit_vector_load_part(x + i, n - i, 0)), n - i);
}

void VIT_KERNEL_NAME(sigmoid)(vit_real *y, const vit_real *x, int64_t n)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        vit_vector_store(y + i, vit_vector_sigmoid(vit_vector_load(x + i)));
    if (i < n)
        vit_vector_store_part(y + i, vit_vector_sigmoid(vit_vector_load_part(x + i, n - i, 0)), n - i);
}

static inline vit_vector silu_vector(vit_vector x)
{
    return x * vit_vector_sigmoid(x);
}

void VIT_KERNEL_NAME(silu)(vit_real *y, const vit_real *x, int64_t n)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        vit_vector_store(y + i, silu_vector(vit_vector_load(x + i)));
    if (i < n)
        vit_vector_store_part(y + i, silu_vector(vit_vector_load_part(x + i, n - i, 0)), n - i);
}

/* NaN stays NaN. */
void VIT_KERNEL_NAME(hswish)(vit_real *y, const vit_real *x, int64_t n)
{
    const vit_real sixth = (vit_real)(1.0 / 6);
    for (int64_t i = 0; i < n; i++) {
        const vit_real shifted = x[i] + 3, positive = 0 > shifted ? 0 : shifted;
        y[i] = x[i] * (positive > 6 ? 6 : positive) * sixth;
    }
}

/* NaN stays NaN. */
void VIT_KERNEL_NAME(relu6)(vit_real *y, const vit_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const vit_real positive = 0 > x[i] ? 0 : x[i];
        y[i] = positive > 6 ? 6 : positive;
    }
}

/* NaN stays NaN. */
void VIT_KERNEL_NAME(hsigmoid)(vit_real *y, const vit_real *x, int64_t n)
{
    const vit_real sixth = (vit_real)(1.0 / 6);
    for (int64_t i = 0; i < n; i++) {
        const vit_real shifted = x[i] + 3, positive = 0 > shifted ? 0 : shifted;
        y[i] = (positive > 6 ? 6 : positive) * sixth;
    }
}
