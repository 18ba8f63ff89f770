/* SPDX-License-Identifier: MIT */
/* transpose_stream.h - what the kernel `transpose` touches (model/kernels/layout.c). */
#pragma once

#include "model/access.h"
#include "model/base/real.h"

struct vit_transpose {
    vit_real *y;
    const vit_real *x;
    int64_t rows, columns; /* of x */
    int64_t y_stride, x_stride;
};

/* Panels of a line's worth of rows, in each some columns at a time: a line of every row is read again for the next
 * columns, which matters where the rows share a set. */
static inline void vit_transpose_stream(struct vit_access *access, const struct vit_transpose *t)
{
    enum { BLOCK = 16 / (int)sizeof(vit_real), LINE = VIT_LINE_BYTES / (int)sizeof(vit_real) };
    const int64_t whole = t->columns - t->columns % BLOCK;
    for (int64_t i = 0, panel; i < t->rows; i += panel) {
        const int64_t left = t->rows - i;
        panel = left >= LINE ? LINE : left >= BLOCK ? left / BLOCK * BLOCK : 1;
        for (int64_t j = 0, block; j < t->columns; j += block) {
            block = panel >= BLOCK && j < whole ? BLOCK : 1;
            for (int64_t k = i; k < i + panel; k++)
                vit_access_read(access, t->x + k * t->x_stride + j, (size_t)block * sizeof(vit_real));
            for (int64_t k = j; k < j + block; k++)
                vit_access_write(access, t->y + k * t->y_stride + i, (size_t)panel * sizeof(vit_real));
        }
    }
}
