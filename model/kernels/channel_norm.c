/* SPDX-License-Identifier: MIT */
/* channel_norm.c - sums over a channel of all images, and what batch norms make of them, forward and back. Lanes are
 * emptied into doubles before their sums are long. */
#include "model/kernels/channel.h"
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

enum { LONGEST = 256 }; /* terms of a lane */

static void empty(vit_vector lanes[2], int64_t *terms, double *sums)
{
    for (int i = 0; i < 2; i++) {
        sums[i] += (double)vit_vector_sum(lanes[i]);
        lanes[i] = (vit_vector){0};
    }
    *terms = 0;
}

/* sums[0] += sum of x - about, sums[1] += sum of (x - about)^2. */
void VIT_KERNEL_NAME(channel_sums)(double *sums, const struct vit_channel *c, vit_real about)
{
    vit_vector lanes[2] = {{0}, {0}};
    int64_t terms = 0;
    for (int64_t image = 0; image < c->images; image++) {
        const vit_real *x = c->x + image * c->step;
        int64_t i = 0;
        for (; i + VIT_LANES <= c->n; i += VIT_LANES) {
            const vit_vector d = vit_vector_load(x + i) - about;
            lanes[0] += d;
            lanes[1] += d * d;
        }
        if (i < c->n) {
            const vit_vector d = vit_vector_load_part(x + i, c->n - i, about) - about;
            lanes[0] += d;
            lanes[1] += d * d;
        }
        terms += c->n / VIT_LANES + 1;
        if (terms > LONGEST)
            empty(lanes, &terms, sums);
    }
    empty(lanes, &terms, sums);
}

/* sums[0] += sum of dy, sums[1] += sum of dy (x - about). */
void VIT_KERNEL_NAME(channel_back_sums)(double *sums, const struct vit_channel *c, vit_real about)
{
    vit_vector lanes[2] = {{0}, {0}};
    int64_t terms = 0;
    for (int64_t image = 0; image < c->images; image++) {
        const vit_real *x = c->x + image * c->step, *dy = c->dy + image * c->step;
        int64_t i = 0;
        for (; i + VIT_LANES <= c->n; i += VIT_LANES) {
            const vit_vector gradient = vit_vector_load(dy + i);
            lanes[0] += gradient;
            lanes[1] += gradient * (vit_vector_load(x + i) - about);
        }
        if (i < c->n) {
            const vit_vector gradient = vit_vector_load_part(dy + i, c->n - i, 0);
            lanes[0] += gradient;
            lanes[1] += gradient * (vit_vector_load_part(x + i, c->n - i, about) - about);
        }
        terms += c->n / VIT_LANES + 1;
        if (terms > LONGEST)
            empty(lanes, &terms, sums);
    }
    empty(lanes, &terms, sums);
}

/* y = (x - f[0]) f[1] + f[2]. */
void VIT_KERNEL_NAME(channel_scale)(const struct vit_channel *c, const vit_real *f)
{
    const vit_real centre = f[0], scale = f[1], shift = f[2];
    for (int64_t image = 0; image < c->images; image++) {
        const vit_real *x = c->x + image * c->step;
        vit_real *y = c->y + image * c->step;
        int64_t i = 0;
        for (; i + VIT_LANES <= c->n; i += VIT_LANES)
            vit_vector_store(y + i, (vit_vector_load(x + i) - centre) * scale + shift);
        if (i < c->n)
            vit_vector_store_part(y + i, (vit_vector_load_part(x + i, c->n - i, 0) - centre) * scale + shift, c->n - i);
    }
}

/* y = f[0] dy + f[1] (x - f[2]) + f[3], or that added to y. */
void VIT_KERNEL_NAME(channel_back)(const struct vit_channel *c, const vit_real *f, int64_t adds)
{
    const vit_real f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
    for (int64_t image = 0; image < c->images; image++) {
        const vit_real *x = c->x + image * c->step, *dy = c->dy + image * c->step;
        vit_real *y = c->y + image * c->step;
        int64_t i = 0;
        for (; i + VIT_LANES <= c->n; i += VIT_LANES) {
            vit_vector g = f0 * vit_vector_load(dy + i) + (f1 * (vit_vector_load(x + i) - f2) + f3);
            if (adds)
                g += vit_vector_load(y + i);
            vit_vector_store(y + i, g);
        }
        if (i == c->n)
            continue;
        const int64_t n = c->n - i;
        vit_vector g = f0 * vit_vector_load_part(dy + i, n, 0) + (f1 * (vit_vector_load_part(x + i, n, f2) - f2) + f3);
        if (adds)
            g += vit_vector_load_part(y + i, n, 0);
        vit_vector_store_part(y + i, g, n);
    }
}
