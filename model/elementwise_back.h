/* SPDX-License-Identifier: MIT */
/* elementwise_back.h - what the ways back of elementwise operators share. */
#pragma once

#include "model/plan.h"

struct vit_access;

/* dx = kernel(value, dy) element by element; value: what backward_reads names, input or output. */
void vit_unary_backward(const struct vit_step *step, void (*kernel)(vit_real *dx, const vit_real *value,
                                                                    const vit_real *dy, int64_t n, int64_t adds));
void vit_unary_back_stream(const struct vit_step *step, struct vit_access *access);

/* da = dy times b, db = the sum of dy times a over the axes that b was repeated along; times: false leaves both factors
 * out (add). access NULL: computes; else names what one thread would touch. */
void vit_broadcast_backward(const struct vit_step *step, struct vit_access *access, bool times);
