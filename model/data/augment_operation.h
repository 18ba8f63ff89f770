/* SPDX-License-Identifier: MIT */
/* augment_operation.h - operations on 8 bit images, each in place and with one number as its strength: what Pillow 13
 * does, bit for bit, with the arguments that timm's RandAugment gives it. */
#pragma once

#include "model/data/image.h"
#include "model/data/resize.h"

/* How places between pixels and places outside are filled. */
struct vit_augment_paint {
    enum vit_interpolation interpolation;
    uint8_t fill[3];
};

/* Colours (augment_color.c). Factors: 1 changes nothing, 0 is black, gray or blurred, above 1 exaggerates. */
int vit_augment_autocontrast(struct vit_image *image, double unused, const struct vit_augment_paint *paint);
int vit_augment_equalize(struct vit_image *image, double unused, const struct vit_augment_paint *paint);
int vit_augment_invert(struct vit_image *image, double unused, const struct vit_augment_paint *paint);
int vit_augment_posterize(struct vit_image *image, double bits, const struct vit_augment_paint *paint);
int vit_augment_solarize(struct vit_image *image, double threshold, const struct vit_augment_paint *paint);
int vit_augment_solarize_add(struct vit_image *image, double add, const struct vit_augment_paint *paint);
int vit_augment_brightness(struct vit_image *image, double factor, const struct vit_augment_paint *paint);
int vit_augment_contrast(struct vit_image *image, double factor, const struct vit_augment_paint *paint);
int vit_augment_saturation(struct vit_image *image, double factor, const struct vit_augment_paint *paint);
int vit_augment_sharpness(struct vit_image *image, double factor, const struct vit_augment_paint *paint);

/* Places (augment_warp.c). */
int vit_augment_shear_x(struct vit_image *image, double factor, const struct vit_augment_paint *paint);
int vit_augment_shear_y(struct vit_image *image, double factor, const struct vit_augment_paint *paint);
int vit_augment_translate_x(struct vit_image *image, double share, const struct vit_augment_paint *paint);
int vit_augment_translate_y(struct vit_image *image, double share, const struct vit_augment_paint *paint);
int vit_augment_rotate(struct vit_image *image, double degrees, const struct vit_augment_paint *paint);
