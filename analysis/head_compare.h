/* SPDX-License-Identifier: MIT */
/* head_compare.h - the arithmetic of analysis/head_similarity.h: two heads in one window of one image. A head is given
 * as (width, tokens), so that all loops run along tokens. */
#pragma once

#include <stdint.h>

/* A head prepared for comparisons; the arrays are the caller's. */
struct vit_head_sample {
    int64_t width, tokens;
    double *x;        /* (width, tokens) */
    double *norm;     /* (tokens): of each row */
    double whole;     /* norm of all */
    double *gram;     /* (tokens, tokens): products of rows, its diagonal 0 */
    double *gram_row; /* (tokens): sums of the rows of gram */
    double gram_sum;
};

/* Fills norms and Gram matrix from x. */
void vit_head_sample_prepare(struct vit_head_sample *sample);

/* Mean over tokens of the cosine of rows; scratch: (tokens). */
double vit_head_cosine_rows(const struct vit_head_sample *a, const struct vit_head_sample *b, double *scratch);
double vit_head_cosine_whole(const struct vit_head_sample *a, const struct vit_head_sample *b);

/* HSIC_1 of the two linear kernels (Song et al. 2012, eq. 5), which may be negative; NaN below four tokens. */
double vit_head_hsic(const struct vit_head_sample *a, const struct vit_head_sample *b);
