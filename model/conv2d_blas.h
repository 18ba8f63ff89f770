/* SPDX-License-Identifier: MIT */
/* conv2d_blas.h - convolutions as OpenBLAS products: the kernel "openblas" of conv2d. */
#pragma once

#include "model/plan.h"

size_t vit_conv2d_blas_workspace(const struct vit_op *op, int threads);
void vit_conv2d_blas_forward(const struct vit_step *step);
void vit_conv2d_blas_stream(const struct vit_step *step, struct vit_access *access);
