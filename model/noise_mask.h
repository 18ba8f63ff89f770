/* SPDX-License-Identifier: MIT */
/* noise_mask.h - what dropout and stochastic depth share: y = x m / (1 - rate), m = 0 with probability rate, else 1.
 * x, y (B, ...), noise (model/noise.h); attributes: rate (0 <= rate < 1), stream. */
#pragma once

#include "model/base/rng.h"
#include "model/plan.h"

struct vit_access;

int vit_noise_mask_infer(struct vit_op *op);

/* to = from m / (1 - rate), or with adds: to += that; n elements of an image from `begin` on, whose numbers rng gives.
 */
struct vit_noise_mask {
    vit_real *to;
    const vit_real *from;
    int64_t begin, n;
    double rate;
    struct vit_rng rng; /* at the image's first number */
    bool adds;
};

/* All pieces of all images, from the input to the output or from gradient to gradient, with the loop given. */
void vit_noise_mask_run(const struct vit_step *step, void (*piece)(struct vit_noise_mask mask));

void vit_noise_mask_stream(const struct vit_step *step, struct vit_access *access);

/* One product per element. */
void vit_noise_mask_cost(const struct vit_op *op, struct vit_cost *cost);
