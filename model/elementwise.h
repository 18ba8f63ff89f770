/* SPDX-License-Identifier: MIT */
/* elementwise.h - how elementwise operators share out their work: pieces of a fixed number of elements. */
#pragma once

#include "model/plan.h"

struct vit_access;
struct vit_parallel;

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

/* y = kernel(a, b), b broadcast to a; adds: the kernel adds to y. */
struct vit_broadcast {
    const struct vit_tensor *y, *a, *b;
    struct vit_broadcast_kernel kernel;
    bool adds;
};

/* access NULL: computes, shared out over pool; else names what one thread would touch. */
void vit_broadcast_run(struct vit_parallel *pool, struct vit_access *access, const struct vit_broadcast *broadcast);

void vit_broadcast_forward(const struct vit_step *step, struct vit_broadcast_kernel kernel);
void vit_broadcast_stream(const struct vit_step *step, struct vit_access *access);

/* Axes of a grouped into runs over which b either advances with a or stands still; axes of one element vanish.
 * Innermost first; at least one run. */
struct vit_axis_groups {
    int n;
    int64_t dim[VIT_MAX_DIMS + 1];
    int64_t stride[VIT_MAX_DIMS + 1]; /* of b, in elements; 0: b stands still */
};

struct vit_axis_groups vit_axis_groups_of(const struct vit_tensor *a, const struct vit_tensor *b);
