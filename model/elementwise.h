/* SPDX-License-Identifier: MIT */
/* elementwise.h - how elementwise operators share out their work: pieces of a fixed number of elements. */
#pragma once

#include "model/plan.h"

struct vit_access;

/* Elements of one piece: some 10 us of memory-bound work. */
enum { VIT_PIECE_ELEMENTS = 32768 };

/* Rows of n elements that make one piece, at least one. */
static inline int64_t vit_piece_rows(int64_t n)
{
    return n < VIT_PIECE_ELEMENTS ? VIT_PIECE_ELEMENTS / (n > 0 ? n : 1) : 1;
}

static inline int64_t vit_piece_count(int64_t items, int64_t per_piece)
{
    return (items + per_piece - 1) / per_piece;
}

/* out[0] = kernel(in[0]), element by element. */
void vit_unary_forward(const struct vit_step *step, void (*kernel)(vit_real *y, const vit_real *x, int64_t n));
void vit_unary_stream(const struct vit_step *step, struct vit_access *access);

/* infer() of kinds whose second input is broadcast: dims right-aligned to the first's, each equal or 1. */
int vit_broadcast_infer(struct vit_op *op);

/* A binary operator over rows (kernels/broadcast_rows.c): with one element of b per element or per row. */
struct vit_broadcast_kernel {
    void (*rows)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n, int64_t stride);
    void (*scalars)(vit_real *y, const vit_real *a, const vit_real *b, int64_t rows, int64_t n, int64_t stride);
};

void vit_broadcast_forward(const struct vit_step *step, struct vit_broadcast_kernel kernel);
void vit_broadcast_stream(const struct vit_step *step, struct vit_access *access);
