/* SPDX-License-Identifier: MIT */
/* vector_lanes.h - what plain C cannot say well about vit_vector: the first n < VIT_LANES lanes for ends of rows,
 * minimum, maximum, and sums over lanes. */
#pragma once

#include "model/kernels/isa.h"

/* Unsigned numbers as wide as vit_real, for work on its bits. */
#ifdef VIT_REAL_DOUBLE
typedef uint64_t vit_bits;
#else
typedef uint32_t vit_bits;
#endif
typedef vit_bits vit_bit_vector __attribute__((vector_size(VIT_VECTOR_BYTES)));

/* VIT_X86(max) is the intrinsic of that name for this instruction set and number type. */
#if defined(__SSE2__)
#include <immintrin.h>
#define VIT_X86_PASTE(width, name, type) _mm##width##_##name##_##type
#define VIT_X86_NAME(width, name, type) VIT_X86_PASTE(width, name, type)
#ifdef VIT_REAL_DOUBLE
#define VIT_X86_TYPE pd
typedef __mmask8 vit_lane_mask;
#define VIT_X86_VECTOR(width) __m##width##d
#else
#define VIT_X86_TYPE ps
typedef __mmask16 vit_lane_mask;
#define VIT_X86_VECTOR(width) __m##width
#endif
#if defined(__AVX512F__)
#define VIT_X86(name) VIT_X86_NAME(512, name, VIT_X86_TYPE)
typedef VIT_X86_VECTOR(512) vit_x86_vector;
#elif defined(__AVX2__)
#define VIT_X86(name) VIT_X86_NAME(256, name, VIT_X86_TYPE)
typedef VIT_X86_VECTOR(256) vit_x86_vector;
#else
#define VIT_X86(name) VIT_X86_NAME(, name, VIT_X86_TYPE)
typedef VIT_X86_VECTOR(128) vit_x86_vector;
#endif
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

#if defined(__AVX512F__)
static inline vit_lane_mask vit_first_lanes(int64_t n)
{
    return (vit_lane_mask)((1U << n) - 1);
}
#elif defined(__AVX2__)
static inline __m256i vit_first_lanes(int64_t n)
{
#ifdef VIT_REAL_DOUBLE
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
#else
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#endif
}
#endif

/* The first n elements of x, fill in the other lanes; 0 < n < VIT_LANES. */
static inline vit_vector vit_vector_load_part(const vit_real *x, int64_t n, vit_real fill)
{
    vit_vector v = vit_vector_fill(fill);
#if defined(__AVX512F__)
    return (vit_vector)VIT_X86(mask_loadu)((vit_x86_vector)v, vit_first_lanes(n), x);
#elif defined(__AVX2__)
    __m256i mask = vit_first_lanes(n);
    return (vit_vector)VIT_X86(blendv)((vit_x86_vector)v, VIT_X86(maskload)(x, mask), (vit_x86_vector)mask);
#else
    for (int64_t i = 0; i < n; i++)
        v[i] = x[i];
    return v;
#endif
}

static inline void vit_vector_store_part(vit_real *y, vit_vector v, int64_t n)
{
#if defined(__AVX512F__)
    VIT_X86(mask_storeu)(y, vit_first_lanes(n), (vit_x86_vector)v);
#elif defined(__AVX2__)
    VIT_X86(maskstore)(y, vit_first_lanes(n), (vit_x86_vector)v);
#else
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i];
#endif
}

/* Where a or b is NaN: b. */
static inline vit_vector vit_vector_max(vit_vector a, vit_vector b)
{
#if defined(__SSE2__)
    return (vit_vector)VIT_X86(max)((vit_x86_vector)a, (vit_x86_vector)b);
#else
    for (int i = 0; i < VIT_LANES; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
#endif
}

/* Where a or b is NaN: b. */
static inline vit_vector vit_vector_min(vit_vector a, vit_vector b)
{
#if defined(__SSE2__)
    return (vit_vector)VIT_X86(min)((vit_x86_vector)a, (vit_x86_vector)b);
#else
    for (int i = 0; i < VIT_LANES; i++)
        b[i] = a[i] < b[i] ? a[i] : b[i];
    return b;
#endif
}

static inline vit_real vit_vector_sum(vit_vector v)
{
#if defined(__AVX512F__)
    return VIT_X86(reduce_add)((vit_x86_vector)v);
#else
    for (int width = VIT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            v[i] += v[i + width];
    return v[0];
#endif
}

static inline vit_real vit_vector_highest(vit_vector v)
{
#if defined(__AVX512F__)
    return VIT_X86(reduce_max)((vit_x86_vector)v);
#else
    for (int width = VIT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
    return v[0];
#endif
}

/* Sum of a row of n. */
static inline vit_real vit_row_sum(const vit_real *x, int64_t n)
{
    vit_vector sum[2] = {{0}};
    int64_t i = 0;
    for (; i + 2 * VIT_LANES <= n; i += 2 * VIT_LANES) {
        sum[0] += vit_vector_load(x + i);
        sum[1] += vit_vector_load(x + i + VIT_LANES);
    }
    for (; i + VIT_LANES <= n; i += VIT_LANES)
        sum[0] += vit_vector_load(x + i);
    if (i < n)
        sum[1] += vit_vector_load_part(x + i, n - i, 0);
    return vit_vector_sum(sum[0] + sum[1]);
}
