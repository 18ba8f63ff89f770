/* SPDX-License-Identifier: MIT */
/* resize.h - PIL's Image.resize for RGB images, bit for bit (Pillow 13): separable filters whose support grows with the
 * reduction (antialiasing), fixed-point weights, and 8 bit values between the two passes. */
#pragma once

#include "model/data/image.h"

enum vit_interpolation {
    VIT_INTERPOLATION_BILINEAR,
    VIT_INTERPOLATION_BICUBIC, /* a = -1/2 */
};

struct vit_resize {
    int width, height; /* size of the whole resized image */
    enum vit_interpolation interpolation;
    /* The part of it that is computed; 0 x 0 means all. Equal to cropping afterwards, only cheaper. */
    int left, top, window_width, window_height;
};

int vit_image_resize(struct vit_image *result, const struct vit_image *source, const struct vit_resize *resize);
