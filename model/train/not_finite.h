/* SPDX-License-Identifier: MIT */
/* not_finite.h - where a NaN or an infinity comes from. */
#pragma once

#include "model/exec.h"

enum { VIT_NOT_FINITE_TEXT = 256 };

/* Runs the exec again on the inputs that it has and looks at inputs, weights, and what each step writes, in this order.
 * Writes the first tensor that has a value which is not finite, and the operator that made it; false: there is none.
 * Observers of the exec are put aside meanwhile; running statistics move as in any run. */
bool vit_not_finite_find(struct vit_exec *exec, char text[VIT_NOT_FINITE_TEXT]);
