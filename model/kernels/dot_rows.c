/* SPDX-License-Identifier: MIT */
/* dot_rows.c - a matrix times a vector: each row's product with x. Four rows at a time share the loads of x, and their
 * independent sums hide the latency of the additions. */
#include "model/access.h"
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

enum { ROWS = 4 };

static inline __attribute__((always_inline)) void dot(vit_real *y, const vit_real *x, const vit_real *w, int64_t k,
                                                      const int rows)
{
    vit_vector sum[ROWS];
    for (int r = 0; r < rows; r++)
        sum[r] = (vit_vector){0};
    int64_t i = 0;
    for (; i + VIT_LANES <= k; i += VIT_LANES)
        for (int r = 0; r < rows; r++)
            sum[r] += vit_vector_load(x + i) * vit_vector_load(w + r * k + i);
    if (i < k)
        for (int r = 0; r < rows; r++)
            sum[r] += vit_vector_load_part(x + i, k - i, 0) * vit_vector_load_part(w + r * k + i, k - i, 0);
    for (int r = 0; r < rows; r++)
        y[r] = vit_vector_sum(sum[r]);
}

/* y (n) = w (n, k) x (k) + bias (n) or NULL; size {n, k}. */
void VIT_KERNEL_NAME(dot_rows)(vit_real *y, const vit_real *x, const vit_real *w, const vit_real *bias,
                               const int64_t size[2])
{
    const int64_t n = size[0], k = size[1];
    int64_t i = 0;
    for (; i + ROWS <= n; i += ROWS)
        dot(y + i, x, w + i * k, k, ROWS);
    for (; i < n; i++)
        dot(y + i, x, w + i * k, k, 1);
    for (i = 0; bias && i < n; i++)
        y[i] += bias[i];
}

static void stream_dot(struct vit_access *access, const vit_real *x, const vit_real *w, int64_t k, int64_t rows)
{
    enum { LINE = VIT_LINE_BYTES / (int)sizeof(vit_real) };
    for (int64_t i = 0; i < k; i += LINE) {
        const size_t bytes = (size_t)(k - i < LINE ? k - i : LINE) * sizeof(vit_real);
        vit_access_read(access, x + i, bytes);
        for (int64_t r = 0; r < rows; r++)
            vit_access_read(access, w + r * k + i, bytes);
    }
}

void VIT_KERNEL_NAME(dot_rows_stream)(struct vit_access *access, vit_real *y, const vit_real *x, const vit_real *w,
                                      const vit_real *bias, const int64_t size[2])
{
    const int64_t n = size[0], k = size[1];
    for (int64_t i = 0, rows; i < n; i += rows) {
        rows = i + ROWS <= n ? ROWS : 1;
        stream_dot(access, x, w + i * k, k, rows);
        vit_access_write(access, y + i, (size_t)rows * sizeof(vit_real));
    }
    if (bias) /* y[i] += bias[i] */
        vit_access_zip(access, &(struct vit_zip){.y = y, .a = y, .b = bias, .bytes = (size_t)n * sizeof(vit_real)});
}
