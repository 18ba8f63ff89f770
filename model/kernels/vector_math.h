/* SPDX-License-Identifier: MIT */
/* vector_math.h - exponential and complementary error function of all lanes of a vit_vector; the only file that knows
 * SLEEF. Errors are below 1.0 (exp) and 1.5 (erfc) units in the last place. */
#pragma once

#include "model/kernels/isa.h"

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

static inline vit_vector vit_vector_erfc(vit_vector x)
{
    return (vit_vector)VIT_SLEEF(erfc, _u15)((vit_sleef_vector)x);
}
