/* SPDX-License-Identifier: MIT */
/* augment.h - random changes of training images, after timm 1.0.31's create_transform(is_training=True), step by step:
 * a random crop, a flip, colours (RandAugment, colour jitter), normalisation, erasing. Operations on 8 bit pixels are
 * Pillow's bit for bit; the distributions of the draws are timm's, the draws themselves follow from `rng` alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "model/base/real.h"
#include "model/base/rng.h"
#include "model/data/image.h"
#include "model/data/preprocess.h"

enum vit_augment_crop {
    VIT_AUGMENT_CENTER,  /* evaluation's resize and centre crop */
    VIT_AUGMENT_RESIZED, /* a part of random area and shape, resized (Szegedy et al. 2015) */
    VIT_AUGMENT_PADDED,  /* the whole image resized, black margins, a random window (He et al. 2016 on CIFAR) */
};

struct vit_augment {
    enum vit_augment_crop crop;
    double area[2], ratio[2]; /* RESIZED: share of the image's area; width / height */
    int padding;              /* PADDED: pixels on each side */
    bool any_interpolation;   /* bilinear or bicubic by chance, else that of the preprocessing (timm's "random") */
    double flip;              /* probability to mirror left and right */
    int rand_operations;      /* RandAugment: times that one of 15 operations is drawn, applied with probability 1/2 */
    double rand_magnitude, rand_std; /* of 10: mean and deviation of their strength */
    double color_jitter;             /* brightness, contrast, saturation times 1 - x to 1 + x; 0: none */
    double erase; /* probability that a rectangle becomes noise (Zhong et al. 2020), on normalised values */
};

/* Names of sets, then changes: "crop-flip,erase=0.1". size: side of the images that the model reads. */
int vit_augment_parse(struct vit_augment *augment, const char *text, int size);

/* Lists the sets and the names that can be set, for help texts. */
void vit_augment_print_names(FILE *out);

/* Crop, flip and colours: a new image of size x size (preprocess->size); the caller closes it. */
int vit_augment_image(const struct vit_augment *augment, const struct vit_preprocess *preprocess,
                      const struct vit_image *source, struct vit_rng *rng, struct vit_image *result);

/* Erasing. image (3, size, size): normalised values. */
void vit_augment_erase(const struct vit_augment *augment, int size, struct vit_rng *rng, vit_real *image);
