/* SPDX-License-Identifier: MIT */
/* conv2d_backward.h - the way back of conv2d on panels. */
#pragma once

#include "model/plan.h"

size_t vit_conv2d_backward_workspace(const struct vit_op *op, int threads);
void vit_conv2d_backward(const struct vit_step *step);
