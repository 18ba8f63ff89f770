/* SPDX-License-Identifier: MIT */
/* vector_lanes.h - loads, stores and reductions of vit_vector, with the first n < VIT_LANES lanes for ends of rows. */
#pragma once

#include "model/kernels/isa.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

static inline vit_vector vit_vector_load(const vit_real *x)
{
    return *(const vit_vector *)x;
}

static inline void vit_vector_store(vit_real *y, vit_vector v)
{
    *(vit_vector *)y = v;
}

static inline vit_vector vit_vector_fill(vit_real value)
{
    return value - (vit_vector){0}; /* minus: -0 stays -0 */
}

#if defined(__AVX512F__) && !defined(VIT_REAL_DOUBLE)

static inline vit_vector vit_vector_load_part(const vit_real *x, int64_t n, vit_real fill)
{
    return (vit_vector)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), (__mmask16)((1U << n) - 1), x);
}

static inline void vit_vector_store_part(vit_real *y, vit_vector v, int64_t n)
{
    _mm512_mask_storeu_ps(y, (__mmask16)((1U << n) - 1), (__m512)v);
}

static inline vit_vector vit_vector_max(vit_vector a, vit_vector b)
{
    return (vit_vector)_mm512_max_ps((__m512)a, (__m512)b);
}

#else

static inline vit_vector vit_vector_load_part(const vit_real *x, int64_t n, vit_real fill)
{
    vit_vector v = vit_vector_fill(fill);
    for (int64_t i = 0; i < n; i++)
        v[i] = x[i];
    return v;
}

static inline void vit_vector_store_part(vit_real *y, vit_vector v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i];
}

static inline vit_vector vit_vector_max(vit_vector a, vit_vector b)
{
    for (int i = 0; i < VIT_LANES; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}

#endif

static inline vit_real vit_vector_sum(vit_vector v)
{
    for (int width = VIT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            v[i] += v[i + width];
    return v[0];
}

static inline vit_real vit_vector_highest(vit_vector v)
{
    for (int width = VIT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
    return v[0];
}
