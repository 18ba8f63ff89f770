/* SPDX-License-Identifier: MIT */
/* augment_erase.c - random erasing (Zhong et al. 2020) as timm's RandomErasing with mode "pixel" and one rectangle. */
#include "model/data/augment.h"

#include <math.h>

static const double area[2] = {0.02, 1.0 / 3}, ratio[2] = {0.3, 1 / 0.3};
enum { ATTEMPTS = 10 };

static double between(struct vit_rng *rng, double low, double high)
{
    return low + (high - low) * vit_rng_uniform(rng);
}

static void fill(vit_real *image, size_t side, const int box[4] /* top, left, height, width */, struct vit_rng *rng)
{
    for (size_t c = 0; c < 3; c++)
        for (int y = box[0]; y < box[0] + box[2]; y++)
            for (int x = box[1]; x < box[1] + box[3]; x++)
                image[(c * side + (size_t)y) * side + (size_t)x] = (vit_real)vit_rng_normal(rng);
}

void vit_augment_erase(const struct vit_augment *augment, int size, struct vit_rng *rng, vit_real *image)
{
    if (!(augment->erase > 0) || vit_rng_uniform(rng) >= augment->erase)
        return;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const double pixels = between(rng, area[0], area[1]) * size * size;
        const double shape = exp(between(rng, log(ratio[0]), log(ratio[1])));
        const int height = (int)nearbyint(sqrt(pixels * shape)), width = (int)nearbyint(sqrt(pixels / shape));
        if (height >= size || width >= size)
            continue;
        const int top = (int)vit_rng_below(rng, size - height + 1), left = (int)vit_rng_below(rng, size - width + 1);
        fill(image, (size_t)size, (const int[]){top, left, height, width}, rng);
        return;
    }
}
