/* SPDX-License-Identifier: MIT */
/* panel.h - the right side of matrix products, packed into panels of some columns, and what panel_product takes. */
#pragma once

#include "model/base/real.h"

#include <stdbool.h>
#include <stdint.h>

/* Columns of a panel: a multiple of three vectors in every instruction set. */
enum { VIT_PANEL = 48 };

/* C (m, n) = A (m, k) panel (k, n) + biases, or that added to C. */
struct vit_panel_product {
    vit_real *c;
    int64_t ldc; /* elements between rows */
    const vit_real *a;
    int64_t a_row, a_column;                /* elements between rows and between columns: either order is as good */
    const vit_real *panel;                  /* (k, VIT_PANEL) */
    const vit_real *row_bias, *column_bias; /* (m), (n), or NULL */
    int64_t m, n, k;                        /* n <= VIT_PANEL */
    bool adds;
};
