/* SPDX-License-Identifier: MIT */
/* row_panels.h - one matrix product with many rows on packed panels: linears, forward and back. */
#pragma once

#include "model/base/parallel.h"
#include "model/base/real.h"

#include <stdbool.h>
#include <stddef.h>

struct vit_access;

/* c (m, n) = a (m, k) b (k, n) + bias, or that added to c. */
struct vit_row_panels {
    vit_real *c;
    const vit_real *a, *b; /* b: (k, n), or (n, k) where trans_b */
    const vit_real *bias;  /* (n) or NULL */
    bool trans_b, adds;
    int64_t m, n, k;
    vit_real *scratch;         /* vit_row_panels_workspace() bytes */
    struct vit_access *access; /* NULL: compute; else name what that touches */
};

size_t vit_row_panels_workspace(int64_t k, int threads);
void vit_row_panels_run(const struct vit_row_panels *product, struct vit_parallel *pool);
