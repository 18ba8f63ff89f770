/* SPDX-License-Identifier: MIT */
/* weight_gradient.h - products whose inner dimension is long (rows of a batch, pixels of all images): gradients of
 * weights. */
#pragma once

#include "model/base/parallel.h"
#include "model/base/real.h"

#include <stdbool.h>
#include <stddef.h>

/* Rows [first, first + n) of one side, steps [step, step + steps) of the inner dimension. */
struct vit_side_block {
    int64_t first, n, step, steps;
};

/* dW (rows, columns) = sum over k of left (rows, k) right (k, columns). */
struct vit_weight_gradient {
    vit_real *dw;   /* or NULL */
    vit_real *sums; /* (rows): the rows of left alone, the gradient of a bias; or NULL */
    int64_t rows, columns, k;
    bool adds_dw, adds_sums; /* to what is there */
    const void *source;      /* for left and right */
    /* A block of left as rows of steps: where it lies, or copied into scratch (n * steps); *stride: elements between
     * rows. */
    const vit_real *(*left)(const void *source, vit_real *scratch, const struct vit_side_block *block, int64_t *stride);
    /* A block of right as a panel: n <= VIT_PANEL columns. */
    void (*right)(const void *source, vit_real *panel, const struct vit_side_block *block);
};

/* Bytes of scratch, by the sizes alone. */
size_t vit_weight_gradient_workspace(const struct vit_weight_gradient *gradient, int threads);

/* The order of the sums is given by the sizes: the same bits with any number of threads. */
void vit_weight_gradient_run(const struct vit_weight_gradient *gradient, void *workspace, struct vit_parallel *pool);
