/* SPDX-License-Identifier: MIT */
/* rng.h - random numbers that do not depend on who draws them first: a stream is opened at (seed, stream, index), where
 * stream says what the numbers are for and index which item they belong to. The generator is splitmix64 (Steele et al.
 * 2014), the one of the generated weights; not for cryptography. */
#pragma once

#include <stdint.h>

struct vit_rng {
    uint64_t state;
};

/* Purposes: a stream each, so that one more draw for one purpose moves no other. */
enum vit_rng_stream {
    VIT_RNG_ORDER = 1, /* index: epoch */
    VIT_RNG_SPLIT,     /* which images are held out */
    VIT_RNG_AUGMENT,   /* index: epoch and position of the image in it */
    VIT_RNG_MIX,       /* index: epoch and step */
    VIT_RNG_NOISE,     /* dropout and stochastic depth; index: step */
    VIT_RNG_WEIGHTS,   /* index: key of the tensor's name */
    VIT_RNG_STUDY,     /* bootstrap and random choices of studies */
    VIT_RNG_REPLACE,   /* another image for a broken one; index: as of VIT_RNG_AUGMENT */
};

struct vit_rng vit_rng_at(uint64_t seed, uint64_t stream, uint64_t index);

uint64_t vit_rng_next(struct vit_rng *rng);

/* As n calls of vit_rng_next. */
void vit_rng_skip(struct vit_rng *rng, uint64_t n);

/* Uniform in [0, 1), 53 bits. */
double vit_rng_uniform(struct vit_rng *rng);

/* Uniform among 0 .. n-1 without bias; n > 0. */
int64_t vit_rng_below(struct vit_rng *rng, int64_t n);

/* Mean 0, variance 1. */
double vit_rng_normal(struct vit_rng *rng);

/* Of the beta distribution; a, b > 0. */
double vit_rng_beta(struct vit_rng *rng, double a, double b);

/* Every order of the n items is as likely as any other. */
void vit_rng_shuffle(struct vit_rng *rng, int64_t *item, int64_t n);
