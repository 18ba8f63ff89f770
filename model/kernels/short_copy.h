/* SPDX-License-Identifier: MIT */
/* short_copy.h - copies of a few elements, contiguous or every second one, without calls and without touching memory
 * behind the ends: the last block overlaps the one before. */
#pragma once

#include "model/kernels/isa.h"

#include <string.h>

#define VIT_COPY_TWICE(width)                                               \
    if (n >= (width)) {                                                     \
        memcpy(to, from, (width) * sizeof *to);                             \
        memcpy(to + n - (width), from + n - (width), (width) * sizeof *to); \
        return;                                                             \
    }

static inline void vit_copy_short(vit_real *restrict to, const vit_real *restrict from, int64_t n)
{
    if (n >= VIT_LANES) {
        for (int64_t i = 0; i + VIT_LANES <= n; i += VIT_LANES)
            *(vit_vector *)(to + i) = *(const vit_vector *)(from + i);
        *(vit_vector *)(to + n - VIT_LANES) = *(const vit_vector *)(from + n - VIT_LANES);
        return;
    }
    VIT_COPY_TWICE(8)
    VIT_COPY_TWICE(4)
    VIT_COPY_TWICE(2)
    if (n > 0)
        *to = *from;
}

typedef vit_real vit_quad __attribute__((vector_size(4 * sizeof(vit_real)), aligned(sizeof(vit_real)), may_alias));

static inline void vit_copy_even_quad(vit_real *to, const vit_real *from)
{
    *(vit_quad *)to = __builtin_shufflevector(*(const vit_quad *)from, *(const vit_quad *)(from + 3), 0, 2, 5, 7);
}

#if VIT_VECTOR_BYTES >= 32
typedef vit_real vit_oct __attribute__((vector_size(8 * sizeof(vit_real)), aligned(sizeof(vit_real)), may_alias));
enum { VIT_EVEN_BLOCK = 8 };

static inline void vit_copy_even_block(vit_real *to, const vit_real *from)
{
    *(vit_oct *)to =
        __builtin_shufflevector(*(const vit_oct *)from, *(const vit_oct *)(from + 7), 0, 2, 4, 6, 9, 11, 13, 15);
}
#else
enum { VIT_EVEN_BLOCK = 4 };

static inline void vit_copy_even_block(vit_real *to, const vit_real *from)
{
    vit_copy_even_quad(to, from);
}
#endif

/* to[i] = from[2 i], i < n; from has 2 n - 1 elements. */
static inline void vit_copy_even(vit_real *restrict to, const vit_real *restrict from, int64_t n)
{
    if (n >= VIT_EVEN_BLOCK) {
        for (int64_t i = 0; i + VIT_EVEN_BLOCK <= n; i += VIT_EVEN_BLOCK)
            vit_copy_even_block(to + i, from + 2 * i);
        vit_copy_even_block(to + n - VIT_EVEN_BLOCK, from + 2 * (n - VIT_EVEN_BLOCK));
    } else if (n >= 4) {
        vit_copy_even_quad(to, from);
        vit_copy_even_quad(to + n - 4, from + 2 * (n - 4));
    } else {
        for (int64_t i = 0; i < n; i++)
            to[i] = from[2 * i];
    }
}

/* to[i] = from[i * stride], i < n. */
static inline void vit_copy_strided(vit_real *restrict to, const vit_real *restrict from, int64_t n, int64_t stride)
{
    if (stride == 1)
        vit_copy_short(to, from, n);
    else if (stride == 2)
        vit_copy_even(to, from, n);
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * stride];
}
