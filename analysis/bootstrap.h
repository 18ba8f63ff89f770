/* SPDX-License-Identifier: MIT */
/* bootstrap.h - how far a figure that is computed from a sample of images would move with other images: percentile
 * intervals over resamples with replacement (Efron 1979). */
#pragma once

#include <stdint.h>

/* How often each of n images is in each resample. Resample r is the same for all figures computed with it, so figures
 * may be added up resample by resample. */
struct vit_bootstrap {
    int64_t n;
    int resamples;
    uint16_t *count; /* (resamples, n) */
};

/* n from 1 to 65535, resamples >= 1; drawn from (seed, VIT_RNG_STUDY, resample). On failure nothing is left to close.
 */
int vit_bootstrap_open(struct vit_bootstrap *bootstrap, uint64_t seed, int64_t n, int resamples);
void vit_bootstrap_close(struct vit_bootstrap *bootstrap);

static inline const uint16_t *vit_bootstrap_counts(const struct vit_bootstrap *bootstrap, int resample)
{
    return bootstrap->count + resample * bootstrap->n;
}

/* The middle 95 % of the values of all resamples, which are sorted in place; NaN where one of them is. */
struct vit_interval {
    double low, high;
};
struct vit_interval vit_bootstrap_interval(double *value, int resamples);
