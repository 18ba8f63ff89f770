/* SPDX-License-Identifier: MIT */
#include "model/base/rng.h"

#include <math.h>

static const uint64_t golden = 0x9e3779b97f4a7c15U;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

struct vit_rng vit_rng_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (struct vit_rng){mix(mix(mix(seed + golden) ^ (stream * golden)) ^ (index * golden + 1))};
}

uint64_t vit_rng_next(struct vit_rng *rng)
{
    rng->state += golden;
    return mix(rng->state);
}

void vit_rng_skip(struct vit_rng *rng, uint64_t n)
{
    rng->state += n * golden;
}

double vit_rng_uniform(struct vit_rng *rng)
{
    return (double)(vit_rng_next(rng) >> 11) * 0x1p-53;
}

int64_t vit_rng_below(struct vit_rng *rng, int64_t n)
{
    const uint64_t range = (uint64_t)n, excess = -range % range; /* 2^64 mod n: draws below it would favour some */
    uint64_t draw;
    do
        draw = vit_rng_next(rng);
    while (draw < excess);
    return (int64_t)(draw % range);
}

/* Box and Muller (1958); the second number of the pair is not kept, so that a stream has no hidden state. */
double vit_rng_normal(struct vit_rng *rng)
{
    const double pi = 3.14159265358979323846;
    const double radius = sqrt(-2 * log(1 - vit_rng_uniform(rng)));
    return radius * cos(2 * pi * vit_rng_uniform(rng));
}

/* Marsaglia and Tsang (2000), for shape >= 1; smaller shapes by their boost. */
static double gamma_draw(struct vit_rng *rng, double shape)
{
    if (shape < 1) {
        const double boost = pow(1 - vit_rng_uniform(rng), 1 / shape);
        return gamma_draw(rng, shape + 1) * boost; /* NOLINT(misc-no-recursion): once */
    }
    const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = vit_rng_normal(rng), t = 1 + c * x, v = t * t * t;
        if (t > 0 && log(1 - vit_rng_uniform(rng)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

double vit_rng_beta(struct vit_rng *rng, double a, double b)
{
    const double x = gamma_draw(rng, a), y = gamma_draw(rng, b);
    return x + y > 0 ? x / (x + y) : 0.5; /* both can underflow where shapes are tiny */
}

void vit_rng_shuffle(struct vit_rng *rng, int64_t *item, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t k = vit_rng_below(rng, i + 1), kept = item[i];
        item[i] = item[k];
        item[k] = kept;
    }
}
