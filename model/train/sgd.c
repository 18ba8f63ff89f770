/* SPDX-License-Identifier: MIT */
/* sgd.c - stochastic gradient descent with momentum, in the form of torch (Sutskever et al. 2013, without its learning
 * rate in the momentum): g = g + wd p;  m = momentum m + g;  p = p - lr m, with nesterov p = p - lr (g + momentum m).
 * Without momentum p = p - lr g. Weight decay is not decoupled here. */
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/train/optimizer.h"

static int check(const struct vit_optimizer_options *options)
{
    if (!(options->momentum >= 0 && options->momentum < 1))
        return vit_fail(VIT_EINVAL, "sgd: momentum %g must be at least 0 and less than 1", options->momentum);
    if (options->nesterov && options->momentum == 0)
        return vit_fail(VIT_EINVAL, "sgd: nesterov needs a momentum");
    return VIT_OK;
}

static void update(const struct vit_optimizer *optimizer, const struct vit_optimizer_piece *piece)
{
    const struct vit_optimizer_options *o = &optimizer->options;
    const double own = o->nesterov ? 1 : 0, remembered = o->nesterov ? o->momentum : 1;
    const vit_real factor[] = {
        (vit_real)piece->weight_decay,
        (vit_real)o->momentum,
        (vit_real)(-piece->lr * own),
        (vit_real)(-piece->lr * remembered),
    };
    vit_kernels()->sgd((vit_real *const[]){piece->parameter, piece->state[0]}, piece->gradient, factor, piece->n);
}

const struct vit_optimizer_def vit_optimizer_sgd = {
    .name = "sgd",
    .state = {"m"},
    .defaults = {.weight_decay = 1e-4, .decay = VIT_DECAY_ALL, .momentum = 0.9},
    .check = check,
    .update = update,
};
