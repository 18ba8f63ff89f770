/* SPDX-License-Identifier: MIT */
#include "analysis/bootstrap.h"

#include "model/base/rng.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>

int vit_bootstrap_open(struct vit_bootstrap *bootstrap, uint64_t seed, int64_t n, int resamples)
{
    if (n < 1 || n > UINT16_MAX)
        return vit_fail(VIT_EINVAL, "bootstrap: %lld images, from 1 to %d", (long long)n, UINT16_MAX);
    *bootstrap = (struct vit_bootstrap){.n = n, .resamples = resamples};
    bootstrap->count = calloc((size_t)(n * resamples), sizeof *bootstrap->count);
    if (!bootstrap->count)
        return vit_fail(VIT_ENOMEM, "out of memory: %d resamples of %lld images", resamples, (long long)n);
    for (int r = 0; r < resamples; r++) {
        struct vit_rng rng = vit_rng_at(seed, VIT_RNG_STUDY, (uint64_t)r);
        for (int64_t i = 0; i < n; i++)
            bootstrap->count[r * n + vit_rng_below(&rng, n)]++;
    }
    return VIT_OK;
}

void vit_bootstrap_close(struct vit_bootstrap *bootstrap)
{
    free(bootstrap->count);
    *bootstrap = (struct vit_bootstrap){0};
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Quantile q of sorted values, between neighbours. */
static double quantile(const double *value, int n, double q)
{
    const double at = q * (n - 1);
    const int below = (int)at;
    return below + 1 < n ? value[below] + (at - below) * (value[below + 1] - value[below]) : value[n - 1];
}

struct vit_interval vit_bootstrap_interval(double *value, int resamples)
{
    static const double tail = 0.025;
    for (int r = 0; r < resamples; r++)
        if (isnan(value[r]))
            return (struct vit_interval){(double)NAN, (double)NAN};
    qsort(value, (size_t)resamples, sizeof *value, ascending);
    return (struct vit_interval){quantile(value, resamples, tail), quantile(value, resamples, 1 - tail)};
}
