/* SPDX-License-Identifier: MIT */
/* preprocess.h - what timm's create_transform(is_training=False) does to an image: resize, crop the centre,
 * divide by 255, subtract the mean and divide by the standard deviation. */
#pragma once

#include "model/base/real.h"
#include "model/data/image.h"
#include "model/data/resize.h"

enum vit_crop_mode {
    VIT_CROP_CENTER, /* the shorter side becomes size / crop_percentage, the aspect ratio stays */
    VIT_CROP_SQUASH, /* both sides do */
};

struct vit_preprocess {
    int size;               /* side of the square that the model reads */
    double crop_percentage; /* share (0, 1] of the resized side that is kept */
    enum vit_interpolation interpolation;
    enum vit_crop_mode crop_mode;
    double mean[3], std[3]; /* of values 0 to 1 */
};

/* The ImageNet statistics, for initialisers: `.mean = VIT_IMAGENET_MEAN`. */
#define VIT_IMAGENET_MEAN   \
    {                       \
        0.485, 0.456, 0.406 \
    }
#define VIT_IMAGENET_STD    \
    {                       \
        0.229, 0.224, 0.225 \
    }

/* VIT_EINVAL says what is out of range. */
int vit_preprocess_check(const struct vit_preprocess *preprocess);

/* Resize and crop alone: an image of size x size, which the caller closes. */
int vit_preprocess_crop(const struct vit_image *image, const struct vit_preprocess *preprocess,
                        struct vit_image *result);

/* Values of an image of size x size, minus the mean, divided by the standard deviation. */
void vit_preprocess_normalize(const struct vit_image *image, const struct vit_preprocess *preprocess,
                              vit_real *out /* (3, size, size) */);

/* All of it. */
int vit_preprocess_image(const struct vit_image *image, const struct vit_preprocess *preprocess,
                         vit_real *out /* (3, size, size) */);
