/* SPDX-License-Identifier: MIT */
/* spread_phases.c - rows put together from every stride-th element, or added to what is there: gradients of the inputs
 * of strided convolutions. */
#include "model/kernels/isa.h"
#include "model/kernels/phases.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef vit_real octet __attribute__((vector_size(8 * sizeof(vit_real)), aligned(sizeof(vit_real)), may_alias));
enum { OCTET = 8 };

static ALWAYS_INLINE void put(vit_real *y, const vit_real *x, int64_t n, const bool adds)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = adds ? y[i] + x[i] : x[i];
}

static ALWAYS_INLINE void put_in_turn(vit_real *y, const struct vit_phases *p, const vit_real *x, const bool adds)
{
    for (int64_t phase = 0; phase < p->stride; phase++, x += p->x_phase)
        for (int64_t i = 0, e = phase; e < p->n; i++, e += p->stride)
            y[e] = adds ? y[e] + x[i] : x[i];
}

static ALWAYS_INLINE void put_pairs(vit_real *y, const struct vit_phases *p, const vit_real *even, const bool adds)
{
    const vit_real *odd = even + p->x_phase;
    int64_t i = 0;
    for (; 2 * (i + OCTET) <= p->n; i += OCTET) {
        const octet a = *(const octet *)(even + i), b = *(const octet *)(odd + i);
        octet *low = (octet *)(y + 2 * i), *high = (octet *)(y + 2 * i + OCTET);
        octet first = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
        octet second = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
        if (adds) {
            first += *low;
            second += *high;
        }
        *low = first;
        *high = second;
    }
    for (int64_t e = 2 * i; e < p->n; e++) {
        const vit_real x = e % 2 ? odd[e / 2] : even[e / 2];
        y[e] = adds ? y[e] + x : x;
    }
}

static ALWAYS_INLINE void spread(const struct vit_phases *p, const bool adds)
{
    for (int64_t channel = 0; channel < p->channels; channel++) {
        vit_real *y = p->y + channel * p->y_step;
        const vit_real *x = p->x + channel * p->x_step;
        if (p->stride == 1)
            put(y, x, p->n, adds);
        else if (p->stride == 2)
            put_pairs(y, p, x, adds);
        else
            put_in_turn(y, p, x, adds);
    }
}

void VIT_KERNEL_NAME(spread_phases)(const struct vit_phases *phases)
{
    if (phases->adds)
        spread(phases, true);
    else
        spread(phases, false);
}
