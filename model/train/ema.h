/* SPDX-License-Identifier: MIT */
/* ema.h - exponential moving average of parameters and running statistics (timm's ModelEma): average = decay * average
 * + (1 - decay) * weights after each step. */
#pragma once

#include "model/exec.h"
#include "model/train/tensor_pieces.h"

struct vit_ema_options {
    double decay; /* in [0, 1) */
    /* The first updates forget faster: update k = 0, 1, ... has min(decay, 1 - (1 + k)^(-2/3)), as timm's ModelEmaV3
     * with use_warmup; the first sets the average to the weights. */
    bool warmup;
};

struct vit_ema {
    struct vit_ema_options options;
    const struct vit_exec *exec;
    struct vit_tensor_pieces weights;
    vit_real *average; /* (weights.elements) by weights.place */
    int64_t updates;   /* done */
    bool swapped;
};

/* The average begins as the weights that the exec has now. On failure nothing is left to close. */
int vit_ema_open(struct vit_ema *ema, const struct vit_exec *exec, struct vit_ema_options options);
void vit_ema_close(struct vit_ema *ema);

/* After a step of the optimiser; not while swapped. */
void vit_ema_update(struct vit_ema *ema);

/* Exchanges the average with the exec's weights, for evaluation, and back. Derived weights are the caller's
 * (vit_exec_prepare). */
void vit_ema_swap(struct vit_ema *ema);
