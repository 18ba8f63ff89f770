/* SPDX-License-Identifier: MIT */
/* stream_bandwidth.c - arrays that pass through the vector registers as fast as memory gives and takes them: what
 * ceilings of bandwidth are measured with. `rounds` passes over arrays of n elements:
 *   load   a[0] += sum of b          copy   a[i] = b[i]
 *   store  a[i] = b[0]               triad  a[i] = b[i] + c[i] / 2
 * and the last three with non-temporal stores, which write whole lines past the caches. */
#include "model/kernels/stream_bandwidth.h"

#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

#include <stdbool.h>

enum operation { STORE, COPY, TRIAD };

/* Vectors in one turn of a loop: sums enough to hide the latency of an addition. */
enum { ACROSS = 8, TURN = ACROSS * VIT_LANES };

/* Compilers may neither merge passes nor make a library call of a loop: those choose their own kind of store. */
#define KEEP_AS_WRITTEN() __asm__ volatile("" ::: "memory")

struct sources {
    const vit_real *b, *c;
    vit_real first; /* b[0] */
    int64_t n;
};

static inline void put_past_caches(vit_real *a /* aligned to a vector */, vit_vector v)
{
#if defined(__SSE2__)
    VIT_X86(stream)(a, (vit_x86_vector)v);
#elif VIT_NON_TEMPORAL
    __builtin_nontemporal_store(v, (vit_vector *)a);
#else
    vit_vector_store(a, v);
#endif
}

/* Non-temporal stores wait in buffers of their own. */
static inline void finish_stores(bool non_temporal)
{
#if defined(__SSE2__)
    if (non_temporal)
        _mm_sfence();
#else
    (void)non_temporal;
#endif
}

static inline vit_real one_value(const struct sources *x, enum operation operation, int64_t i)
{
    return operation == STORE ? x->first : operation == COPY ? x->b[i] : x->b[i] + (vit_real)0.5 * x->c[i];
}

static inline vit_vector value(const struct sources *x, enum operation operation, int64_t i)
{
    if (operation == STORE)
        return vit_vector_fill(x->first);
    if (operation == COPY)
        return vit_vector_load(x->b + i);
    return vit_vector_load(x->b + i) + vit_vector_fill((vit_real)0.5) * vit_vector_load(x->c + i);
}

/* Inlined with constant operation and non_temporal: each kernel has its own plain loop. */
static inline __attribute__((always_inline)) void sweep(vit_real *a, const struct sources *x, enum operation operation,
                                                        bool non_temporal)
{
    int64_t i = 0;
    for (; i < x->n && (uintptr_t)(a + i) % VIT_VECTOR_BYTES != 0; i++)
        a[i] = one_value(x, operation, i);
    for (; i + TURN <= x->n; i += TURN) {
        for (int k = 0; k < ACROSS; k++) {
            vit_vector v = value(x, operation, i + k * VIT_LANES);
            if (non_temporal)
                put_past_caches(a + i + k * VIT_LANES, v);
            else
                vit_vector_store(a + i + k * VIT_LANES, v);
        }
        KEEP_AS_WRITTEN();
    }
    for (; i < x->n; i++)
        a[i] = one_value(x, operation, i);
    finish_stores(non_temporal);
    KEEP_AS_WRITTEN();
}

#define BANDWIDTH_KERNEL(name, operation, non_temporal)                                                       \
    void VIT_KERNEL_NAME(name)(vit_real * a, const vit_real *b, const vit_real *c, int64_t n, int64_t rounds) \
    {                                                                                                         \
        const struct sources x = {b, c, b[0], n};                                                             \
        for (int64_t round = 0; round < rounds; round++)                                                      \
            sweep(a, &x, operation, non_temporal);                                                            \
    }

BANDWIDTH_KERNEL(bandwidth_store, STORE, false)
BANDWIDTH_KERNEL(bandwidth_copy, COPY, false)
BANDWIDTH_KERNEL(bandwidth_triad, TRIAD, false)
BANDWIDTH_KERNEL(bandwidth_store_nt, STORE, true)
BANDWIDTH_KERNEL(bandwidth_copy_nt, COPY, true)
BANDWIDTH_KERNEL(bandwidth_triad_nt, TRIAD, true)

/* c is not used. */
void VIT_KERNEL_NAME(bandwidth_load)(vit_real *a, const vit_real *b, const vit_real *c, int64_t n, int64_t rounds)
{
    (void)c;
    vit_vector sum[ACROSS] = {{0}};
    vit_real rest = 0;
    for (int64_t round = 0; round < rounds; round++) {
        int64_t i = 0;
        for (; i + TURN <= n; i += TURN) {
            for (int k = 0; k < ACROSS; k++)
                sum[k] += vit_vector_load(b + i + k * VIT_LANES);
        }
        for (; i < n; i++)
            rest += b[i];
        KEEP_AS_WRITTEN();
    }
    for (int k = 1; k < ACROSS; k++)
        sum[0] += sum[k];
    a[0] += vit_vector_sum(sum[0]) + rest;
}
