/* SPDX-License-Identifier: MIT */
/* op_check.h - runs one case and fails the test that calls it where something is wrong. */
#pragma once

#include "tests/support/op_case.h"

/* Every kernel that supports the case: shape, values against the reference, cost, and one to three threads bit for bit.
 */
void vit_op_check(const struct vit_op_case *op_case);
