/* SPDX-License-Identifier: MIT */
/* augment_crop.h - which part of an image is seen: random crops, mirror images. */
#pragma once

#include "model/data/augment.h"

/* The crop that augment names, size x size; the caller closes it. */
int vit_augment_crop_image(const struct vit_augment *augment, const struct vit_preprocess *preprocess,
                           const struct vit_image *source, struct vit_rng *rng, struct vit_image *result);

/* Mirrors left and right, in place. */
void vit_augment_mirror(struct vit_image *image);
