/* SPDX-License-Identifier: MIT */
/* convolution.h - what dense and depthwise convolutions share: shapes and costs. */
#pragma once

#include "model/kernels/conv_shape.h"
#include "model/op.h"

enum { VIT_DEPTHWISE_MAX_KERNEL = 7 };

/* infer() of conv2d and depthwise_conv2d, by the kind of op. */
int vit_convolution_infer(struct vit_op *op);

/* cost() of both: every output takes the weights of one output channel. */
void vit_convolution_cost(const struct vit_op *op, struct vit_cost *cost);

/* reads() of both: pixels that no window reaches are not counted. */
int64_t vit_convolution_reads(const struct vit_op *op, int input);

/* The sizes that kernels take. */
void vit_convolution_sizes(const struct vit_op *op, int64_t shape[VIT_CONV_SIZES]);
