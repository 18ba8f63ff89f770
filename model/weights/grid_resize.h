/* SPDX-License-Identifier: MIT */
/* grid_resize.h - position-dependent weights for another input size: values on a square grid, sampled on another. */
#pragma once

#include "model/base/real.h"

#include <stdint.h>

/* Each is separable: row o of a matrix (out, in) holds the weights of sample o in one axis. */
enum vit_grid_method {
    VIT_GRID_CUBIC,            /* torch interpolate(mode="bicubic", align_corners=False) */
    VIT_GRID_CUBIC_ANTIALIAS,  /* the same with antialias=True: another cubic, widened when shrinking */
    VIT_GRID_GEOMETRIC_LINEAR, /* timm resize_rel_pos_bias_table: linear between geometrically growing distances */
};

/* source (outer, source_side^2, inner) -> target (outer, target_side^2, inner) */
struct vit_grid_resize {
    enum vit_grid_method method;
    int64_t outer, inner, source_side, target_side;
};

/* Computes in double. Fails only for lack of memory. */
int vit_grid_resize(const struct vit_grid_resize *resize, const vit_real *source, vit_real *target);
