/* SPDX-License-Identifier: MIT */
/* adamw.c - Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), in the order of torch:
 *     p = p - lr wd p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *     p = p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)                                    t = 1, 2, ... */
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/train/optimizer.h"

#include <math.h>

static int check(const struct vit_optimizer_options *options)
{
    if (!(options->beta1 >= 0 && options->beta1 < 1 && options->beta2 >= 0 && options->beta2 < 1))
        return vit_fail(VIT_EINVAL, "adamw: betas %g and %g must be at least 0 and less than 1", options->beta1,
                        options->beta2);
    if (!(options->eps > 0 && options->eps < 1))
        return vit_fail(VIT_EINVAL, "adamw: eps %g must be between 0 and 1", options->eps);
    return VIT_OK;
}

static void update(const struct vit_optimizer *optimizer, const struct vit_optimizer_piece *piece)
{
    const struct vit_optimizer_options *o = &optimizer->options;
    const double t = (double)optimizer->steps;
    const vit_real factor[] = {
        (vit_real)(1 - piece->lr * piece->weight_decay),
        (vit_real)o->beta1,
        (vit_real)(1 - o->beta1),
        (vit_real)o->beta2,
        (vit_real)(1 - o->beta2),
        (vit_real)(piece->lr / (1 - pow(o->beta1, t))),
        (vit_real)(1 / sqrt(1 - pow(o->beta2, t))),
        (vit_real)o->eps,
    };
    vit_real *const state[] = {piece->parameter, piece->state[0], piece->state[1]};
    vit_kernels()->adamw(state, piece->gradient, factor, piece->n);
}

const struct vit_optimizer_def vit_optimizer_adamw = {
    .name = "adamw",
    .state = {"m", "v"},
    .defaults = {.weight_decay = 0.025, .decay = VIT_DECAY_MATRICES, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    .check = check,
    .update = update,
};
