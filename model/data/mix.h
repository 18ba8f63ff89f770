/* SPDX-License-Identifier: MIT */
/* mix.h - targets as probabilities, and pairs of images mixed with them: label smoothing (Szegedy et al. 2016), mixup
 * (Zhang et al. 2018), cutmix (Yun et al. 2019), as timm's Mixup in its mode "batch" does: image p of n is mixed with
 * image n-1-p, in one way drawn for the whole batch. */
#pragma once

#include <stdbool.h>

#include "model/base/real.h"
#include "model/base/rng.h"

struct vit_mix {
    double smoothing;    /* share of a target spread over all classes */
    double mixup_alpha;  /* of Beta(alpha, alpha); 0: no mixup */
    double cutmix_alpha; /* 0: no cutmix */
    double probability;  /* that a batch is mixed at all */
    double switching;    /* where both are on: that cutmix is taken */
};

/* The paper's recipe. */
#define VIT_MIX_PAPER                                                                                   \
    {                                                                                                   \
        .smoothing = 0.1, .mixup_alpha = 0.8, .cutmix_alpha = 1.0, .probability = 1.0, .switching = 0.5 \
    }

/* How one batch is mixed. */
struct vit_mixing {
    double share; /* of an image itself, lambda; 1: not mixed */
    bool cut;     /* cutmix: rows top .. bottom-1, columns left .. right-1 come from the partner */
    int top, bottom, left, right;
};

/* Whether images are mixed, so that they need partners. */
bool vit_mix_pairs(const struct vit_mix *mix);

/* VIT_EINVAL says what is out of range. */
int vit_mix_check(const struct vit_mix *mix);

/* size: side of the images. mix NULL: not mixed. */
struct vit_mixing vit_mixing_draw(const struct vit_mix *mix, int size, struct vit_rng *rng);

/* Mixes two images (3, size, size) with one another; they may be the same one. */
void vit_mixing_images(const struct vit_mixing *mixing, int size, vit_real *image, vit_real *partner);

struct vit_target {
    int classes, label, partner; /* labels: 0 <= label < classes */
    double smoothing;
};

/* target (classes): probabilities with sum 1. */
void vit_mixing_target(const struct vit_mixing *mixing, const struct vit_target *of, vit_real *target);
