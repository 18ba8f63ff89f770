/* SPDX-License-Identifier: MIT */
/* linear_backward.h - the way back of linear. */
#pragma once

#include "model/plan.h"

void vit_linear_backward_cost(const struct vit_op *op, struct vit_cost *cost);
size_t vit_linear_backward_workspace(const struct vit_op *op, int threads);
void vit_linear_backward(const struct vit_step *step);
void vit_linear_backward_blas(const struct vit_step *step);
