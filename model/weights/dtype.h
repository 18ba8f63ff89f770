/* SPDX-License-Identifier: MIT */
/* dtype.h - number formats of safetensors files, and conversion between the float formats and vit_real. */
#pragma once

#include "model/base/real.h"

#include <stddef.h>
#include <stdint.h>

/* In the order of the safetensors library: by size. Columns: name, bits, does it hold numbers that can be loaded. */
#define VIT_DTYPE_LIST(X) \
    X(BOOL, 8, 0)         \
    X(F4, 4, 0)           \
    X(F6_E2M3, 6, 0)      \
    X(F6_E3M2, 6, 0)      \
    X(U8, 8, 0)           \
    X(I8, 8, 0)           \
    X(F8_E5M2, 8, 0)      \
    X(F8_E4M3, 8, 0)      \
    X(F8_E8M0, 8, 0)      \
    X(F8_E4M3FNUZ, 8, 0)  \
    X(F8_E5M2FNUZ, 8, 0)  \
    X(I16, 16, 0)         \
    X(U16, 16, 0)         \
    X(F16, 16, 1)         \
    X(BF16, 16, 1)        \
    X(I32, 32, 0)         \
    X(U32, 32, 0)         \
    X(F32, 32, 1)         \
    X(C64, 64, 0)         \
    X(F64, 64, 1)         \
    X(I64, 64, 0)         \
    X(U64, 64, 0)

enum vit_dtype {
#define X(name, bits, loadable) VIT_DTYPE_##name,
    VIT_DTYPE_LIST(X)
#undef X
        VIT_N_DTYPES
};

/* The format of vit_real. */
#ifdef VIT_REAL_DOUBLE
#define VIT_DTYPE_REAL VIT_DTYPE_F64
#else
#define VIT_DTYPE_REAL VIT_DTYPE_F32
#endif

struct vit_dtype_info {
    const char *name;
    int bits;
    int loadable; /* vit_dtype_decode and vit_dtype_encode know it */
};

extern const struct vit_dtype_info vit_dtype_table[VIT_N_DTYPES];

/* VIT_N_DTYPES when there is none of this name. */
enum vit_dtype vit_dtype_find(const char *name);

/* count little-endian numbers of a loadable dtype, at any alignment. Every F16, BF16 and F32 is exact in vit_real. */
void vit_dtype_decode(enum vit_dtype dtype, int64_t count, const unsigned char *bytes, vit_real *out);

/* The reverse; narrower formats are rounded to nearest, ties to even, and overflow to infinity. */
void vit_dtype_encode(enum vit_dtype dtype, int64_t count, const vit_real *values, unsigned char *out);
