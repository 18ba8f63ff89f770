/* SPDX-License-Identifier: MIT */
/* dropout.c - training: y = x m / (1 - rate), m drawn for every element (model/noise_mask.h).
 * Element e of image b takes the e-th number of (noise, stream, b), here and on the way back: no mask is kept.
 * FLOPs: one per element. */
#include "model/noise_mask.h"

static void piece(struct vit_noise_mask mask)
{
    const vit_real factor = (vit_real)(1 / (1 - mask.rate));
    vit_rng_skip(&mask.rng, (uint64_t)mask.begin);
    for (int64_t i = 0; i < mask.n; i++) {
        const vit_real kept = vit_rng_uniform(&mask.rng) >= mask.rate ? mask.from[i] * factor : 0;
        mask.to[i] = mask.adds ? mask.to[i] + kept : kept;
    }
}

static void run(const struct vit_step *step)
{
    vit_noise_mask_run(step, piece);
}

const struct vit_op_def vit_op_dropout = {
    .name = "dropout",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 2,
    .max_in = 2,
    .infer = vit_noise_mask_infer,
    .cost = vit_noise_mask_cost,
    .backward = (const struct vit_kernel[]){{.name = "elements", .forward = run}, {0}},
    .backward_reads = VIT_READS_IN(1),
    .backward_cost = vit_noise_mask_cost,
    .cpu = (const struct vit_kernel[]){{.name = "elements", .forward = run, .stream = vit_noise_mask_stream}, {0}},
};
