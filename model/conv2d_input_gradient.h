/* SPDX-License-Identifier: MIT */
/* conv2d_input_gradient.h - the gradient of the input of conv2d. */
#pragma once

#include "model/plan.h"

size_t vit_conv2d_input_gradient_workspace(const struct vit_op *op, int threads);
void vit_conv2d_input_gradient(const struct vit_step *step);
