/* SPDX-License-Identifier: MIT */
/* vector_math.h - exponential and normal distribution function of all lanes of a vit_vector; the only file that knows
 * SLEEF. The float functions of the hot loops (softmax, GELU) stand here in full: a call for each vector would cost
 * more than the arithmetic, and SLEEF's erfc some ten times as much. */
#pragma once

#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

#include <sleef.h>

/* VIT_SLEEF(exp, _u10) is SLEEF's function for this instruction set and number type, of vectors vit_sleef_vector. */
#define VIT_SLEEF_PASTE(name, type, suffix) Sleef_##name##type##suffix
#define VIT_SLEEF_NAME(name, type, suffix) VIT_SLEEF_PASTE(name, type, suffix)
#ifdef VIT_REAL_DOUBLE
#define VIT_SLEEF_TYPE(of_float, of_double) of_double
#else
#define VIT_SLEEF_TYPE(of_float, of_double) of_float
#endif

#if defined(__AVX512F__)
typedef VIT_SLEEF_TYPE(__m512, __m512d) vit_sleef_vector;
#define VIT_SLEEF(name, error) VIT_SLEEF_NAME(name, VIT_SLEEF_TYPE(f16, d8), error##avx512f)
#elif defined(__AVX2__)
typedef VIT_SLEEF_TYPE(__m256, __m256d) vit_sleef_vector;
#define VIT_SLEEF(name, error) VIT_SLEEF_NAME(name, VIT_SLEEF_TYPE(f8, d4), error##avx2)
#elif defined(__SSE2__)
typedef VIT_SLEEF_TYPE(__m128, __m128d) vit_sleef_vector;
#define VIT_SLEEF(name, error) VIT_SLEEF_NAME(name, VIT_SLEEF_TYPE(f4, d2), error##sse2)
#else
typedef VIT_SLEEF_TYPE(float32x4_t, float64x2_t) vit_sleef_vector;
#define VIT_SLEEF(name, error) VIT_SLEEF_NAME(name, VIT_SLEEF_TYPE(f4, d2), error##advsimd)
#endif

static inline vit_vector vit_vector_exp(vit_vector x)
{
    return (vit_vector)VIT_SLEEF(exp, _u10)((vit_sleef_vector)x);
}

static inline vit_vector vit_vector_sigmoid(vit_vector x)
{
    return 1 / (1 + vit_vector_exp(-x));
}

#ifdef VIT_REAL_DOUBLE

static inline vit_vector vit_vector_exp_negative(vit_vector x)
{
    return vit_vector_exp(x);
}

static inline vit_vector vit_vector_normal(vit_vector x, vit_vector *power)
{
    *power = vit_vector_exp(x * x * -0.5);
    return 0.5 * (vit_vector)VIT_SLEEF(erfc, _u15)((vit_sleef_vector)(-0.70710678118654752440 * x));
}

#else

/* exp(x) for x <= 0 within 2 units in the last place: x = n ln 2 + r, exp(x) = 2^n (1 + r + r^2 p(r)), p a minimax
 * polynomial (3e-9). Results that are not normal numbers become 0. */
static inline vit_vector vit_vector_exp_negative(vit_vector x)
{
    const vit_vector low = vit_vector_fill(-87.33654F); /* ln of the smallest normal number */
    vit_vector clamped = vit_vector_max(low, x);
    vit_vector shifted = clamped * 1.44269504F + 12582912.0F; /* 1.5 * 2^23: n in the lowest bits */
    vit_vector n = shifted - 12582912.0F;
    vit_vector r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
    vit_vector p = r * 1.381453999e-3F + 8.368745116e-3F;
    p = p * r + 4.166839079e-2F;
    p = p * r + 1.666652040e-1F;
    p = p * r + 4.999999343e-1F;
    p = 1.0F + (r + r * r * p);
    vit_vector power = (vit_vector)(((vit_bit_vector)shifted << 23) + 0x3f800000U);
    return (vit_vector)((vit_bit_vector)(p * power) & ~(vit_bit_vector)(x < low));
}

/* Distribution function of the standard normal distribution, (1 + erf(x / sqrt(2))) / 2, with no digit lost below 0:
 * for t = |x| the tail beyond t is exp(-t^2 / 2) times a ratio of polynomials, minimax for t <= 14 (6e-9). power: that
 * exponential, which is 0 before t reaches 14. */
static inline vit_vector vit_vector_normal(vit_vector x, vit_vector *power)
{
    const vit_bit_vector sign = (vit_bit_vector)x & 0x80000000U;
    vit_vector t = vit_vector_min(vit_vector_fill(14.0F), (vit_vector)((vit_bit_vector)x ^ sign));
    vit_vector p = t * 4.077629444e-3F + 4.037268453e-2F;
    p = p * t + 1.824622123e-1F;
    p = p * t + 4.372514134e-1F;
    p = p * t + 5.000000028e-1F;
    vit_vector q = t * 1.022097251e-2F + 1.012061224e-1F;
    q = q * t + 4.674301084e-1F;
    q = q * t + 1.199292297F;
    q = q * t + 1.672387782F;
    q = q * t + 1.0F;
    *power = vit_vector_exp_negative(t * t * -0.5F);
    vit_vector tail = *power * (p / q);
    vit_vector half = (vit_vector)(0x3f000000U | sign); /* 0.5 or -0.5 */
    return (0.5F + half) - (vit_vector)((vit_bit_vector)tail ^ sign);
}

#endif

static inline vit_vector vit_vector_normal_cdf(vit_vector x)
{
    vit_vector power;
    return vit_vector_normal(x, &power);
}
