/* SPDX-License-Identifier: MIT */
/* augment_rand.h - randomly chosen operations of augment_operation.h. */
#pragma once

#include "model/data/augment.h"
#include "model/data/augment_operation.h"

/* RandAugment. The interpolation is drawn for each operation where augment->any_interpolation says so. */
int vit_augment_rand(const struct vit_augment *augment, const struct vit_augment_paint *paint, struct vit_rng *rng,
                     struct vit_image *image);

/* Brightness, contrast and saturation in random order (torchvision's ColorJitter without hue). */
int vit_augment_jitter(const struct vit_augment *augment, struct vit_rng *rng, struct vit_image *image);
