/* SPDX-License-Identifier: MIT */
/* conv2d_weight_gradient.h - gradients of the weights of convolutions whose windows overlap. */
#pragma once

#include "model/plan.h"

/* Whether windows overlap and output channels are few, so that packing windows would cost more than multiplying them.
 */
bool vit_conv2d_weight_gradient_fits(const struct vit_op *op);

/* Bytes of scratch. */
size_t vit_conv2d_weight_gradient_workspace(const struct vit_op *op, int threads);

/* in[1]->grad: the same bits with any number of threads. */
void vit_conv2d_weight_gradient(const struct vit_step *step);
