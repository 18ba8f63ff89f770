/* SPDX-License-Identifier: MIT */
/* strided_copy.h - copies a box of elements between two layouts: what permute, slice, roll and the window operators
 * have in common. Runs at the speed of memory wherever one of the axes is contiguous on each side. */
#pragma once

#include "model/tensor.h"

struct vit_access;
struct vit_parallel;

/* y[sum i_a * y_stride[a]] = x[sum i_a * x_stride[a]] for all i_a < dim[a]; strides in elements. Axes stand in the
 * order of y (outermost first); no element of y is written twice. A stride of 0 in x repeats. adds: y += x instead. */
struct vit_strided_copy {
    vit_real *y;
    const vit_real *x;
    int ndim;
    int64_t dim[VIT_MAX_DIMS], y_stride[VIT_MAX_DIMS], x_stride[VIT_MAX_DIMS];
    bool adds;
};

/* access NULL: copies, shared out over pool; else copies nothing and names what one thread would touch. Allocates
 * nothing. */
void vit_strided_copy(struct vit_parallel *pool, struct vit_access *access, const struct vit_strided_copy *copy);

/* Strides of a dense row-major tensor. */
void vit_dense_strides(const struct vit_tensor *tensor, int64_t stride[VIT_MAX_DIMS]);

/* Copies a box of elements between two dense tensors of equally many axes. An axis of length 1 in x is repeated where
 * the box is longer. */
struct vit_box_copy {
    const struct vit_tensor *y, *x;
    int64_t dim[VIT_MAX_DIMS];                            /* of the box */
    int64_t y_start[VIT_MAX_DIMS], x_start[VIT_MAX_DIMS]; /* its first corner on each side */
    bool adds;
};

void vit_box_copy(struct vit_parallel *pool, struct vit_access *access, const struct vit_box_copy *box);
