/* SPDX-License-Identifier: MIT */
/* plan_backward.h - the second half of a plan: the steps of the way back. */
#pragma once

#include "model/plan.h"

/* Makes the step of an operator: kernel, cost, workspace. */
typedef struct vit_step (*vit_step_maker)(const struct vit_op *op, enum vit_pass pass,
                                          const struct vit_plan_options *options);

/* Appends to plan->step, which has room for three steps per operator, one backward step for each operator whose output
 * has a gradient, in reverse, and before it the forward steps whose outputs it reads and options->recompute gave up.
 * Decides which gradients are added to and which memory is filled first. */
int vit_plan_add_backward(struct vit_plan *plan, const struct vit_plan_options *options, vit_step_maker make);
