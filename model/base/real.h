/* SPDX-License-Identifier: MIT */
/* real.h - the number type of all tensors: float, or double in the REAL=double build,
 * which runs the same kernels and is compared with float64 references to 1e-9. */
#pragma once

#ifdef VIT_REAL_DOUBLE
typedef double vit_real;
#define VIT_REAL_NAME "double"
#else
typedef float vit_real;
#define VIT_REAL_NAME "float"
#endif
