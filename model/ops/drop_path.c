/* SPDX-License-Identifier: MIT */
/* drop_path.c - training: y = x m / (1 - rate), m drawn for every image (model/noise_mask.h): stochastic depth (Huang
 * et al. 2016, arXiv 1603.09382) where x is a residual branch. Image b takes the first number of (noise, stream, b),
 * here and on the way back: no mask is kept. FLOPs: one per element. */
#include "model/noise_mask.h"

static void piece(struct vit_noise_mask mask)
{
    const vit_real factor = vit_rng_uniform(&mask.rng) >= mask.rate ? (vit_real)(1 / (1 - mask.rate)) : 0;
    for (int64_t i = 0; i < mask.n; i++)
        mask.to[i] = mask.adds ? mask.to[i] + mask.from[i] * factor : mask.from[i] * factor;
}

static void run(const struct vit_step *step)
{
    vit_noise_mask_run(step, piece);
}

const struct vit_op_def vit_op_drop_path = {
    .name = "drop_path",
    .op_class = VIT_CLASS_ELEMENTWISE,
    .min_in = 2,
    .max_in = 2,
    .infer = vit_noise_mask_infer,
    .cost = vit_noise_mask_cost,
    .backward = (const struct vit_kernel[]){{.name = "images", .forward = run}, {0}},
    .backward_reads = VIT_READS_IN(1),
    .backward_cost = vit_noise_mask_cost,
    .cpu = (const struct vit_kernel[]){{.name = "images", .forward = run, .stream = vit_noise_mask_stream}, {0}},
};
