/* SPDX-License-Identifier: MIT */
/* elementwise_back.h - what the ways back of elementwise operators share. */
#pragma once

#include "model/plan.h"

/* dx = kernel(value, dy) element by element; value: what backward_reads names. */
void vit_unary_backward(const struct vit_step *step, const vit_real *value,
                        void (*kernel)(vit_real *dx, const vit_real *value, const vit_real *dy, int64_t n,
                                       int64_t adds));

/* da = dy times b, db = the sum of dy times a over the axes that b was repeated along; times: false leaves both factors
 * out (add). */
void vit_broadcast_backward(const struct vit_step *step, bool times);
