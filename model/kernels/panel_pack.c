/* SPDX-License-Identifier: MIT */
/* panel_pack.c - the right side of a matrix product as panels (k, VIT_PANEL) for panel_product: from a matrix, from a
 * transposed matrix, or from the windows of a convolution. Columns behind the last are zero. */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"

static inline void clear(vit_real *panel, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k && n < VIT_PANEL; i++)
        for (int64_t j = n; j < VIT_PANEL; j++)
            panel[i * VIT_PANEL + j] = 0;
}

/* panel (k, VIT_PANEL), b (k, n; ldb): n <= VIT_PANEL columns. */
void VIT_KERNEL_NAME(panel_rows)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++) {
        const vit_real *from = b + i * ldb;
        vit_real *to = panel + i * VIT_PANEL;
        int64_t j = 0;
        for (; j + VIT_LANES <= n; j += VIT_LANES)
            *(vit_vector *)(to + j) = *(const vit_vector *)(from + j);
        for (; j < n; j++)
            to[j] = from[j];
    }
    clear(panel, k, n);
}

/* panel (k, VIT_PANEL), b (n, k; ldb), the transposed right side. */
void VIT_KERNEL_NAME(panel_columns)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            panel[i * VIT_PANEL + j] = b[j * ldb + i];
    clear(panel, k, n);
}

/* Neighbouring outputs of one row of one image: columns [start, start + length) of the panel. */
struct run {
    const vit_real *image;
    int64_t start, length, y, x; /* y, x: where its first window starts in the input (may be outside) */
};

static int find_runs(struct run run[VIT_PANEL], const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    const int64_t width = shape[VIT_CONV_OUT_WIDTH], pixels = width * shape[VIT_CONV_OUT_HEIGHT];
    const int64_t image = shape[VIT_CONV_CHANNELS] * shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH];
    int runs = 0;
    for (int64_t column = 0; column < range[1];) {
        int64_t at = (range[0] + column) % pixels, left = width - at % width;
        int64_t length = left < range[1] - column ? left : range[1] - column;
        run[runs++] = (struct run){.image = x + (range[0] + column) / pixels * image,
                                   .start = column,
                                   .length = length,
                                   .y = at / width * shape[VIT_CONV_STRIDE] - shape[VIT_CONV_PAD],
                                   .x = at % width * shape[VIT_CONV_STRIDE] - shape[VIT_CONV_PAD]};
        column += length;
    }
    return runs;
}

static inline void copy(vit_real *restrict to, const vit_real *restrict from, int64_t n, int64_t stride)
{
    if (stride == 1)
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i];
    else if (stride == 2)
        for (int64_t i = 0; i < n; i++)
            to[i] = from[2 * i];
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * stride];
}

/* to (length): what the outputs of the run see at (y, x) of their windows; zero outside the input. */
static inline void copy_run(vit_real *to, const vit_real *plane, const struct run *run, const int64_t *shape)
{
    const int64_t width = shape[VIT_CONV_WIDTH], stride = shape[VIT_CONV_STRIDE];
    int64_t first = 0, end = run->length;
    if (run->y < 0 || run->y >= shape[VIT_CONV_HEIGHT])
        end = 0;
    while (first < end && run->x + first * stride < 0)
        to[first++] = 0;
    while (end > first && run->x + (end - 1) * stride >= width)
        end--;
    copy(to + first, plane + run->y * width + run->x + first * stride, end - first, stride);
    for (int64_t i = end; i < run->length; i++)
        to[i] = 0;
}

/* panel (channels * kernel * kernel, VIT_PANEL): windows of x (images, channels, height, width) for the outputs
 * [range[0], range[0] + range[1]), counted through images, rows, columns. */
void VIT_KERNEL_NAME(panel_windows)(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    struct run run[VIT_PANEL];
    const int runs = find_runs(run, x, shape, range);
    const int64_t kernel = shape[VIT_CONV_KERNEL], plane = shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH];
    vit_real *to = panel;
    for (int64_t channel = 0; channel < shape[VIT_CONV_CHANNELS]; channel++)
        for (int64_t ky = 0; ky < kernel; ky++)
            for (int64_t kx = 0; kx < kernel; kx++, to += VIT_PANEL)
                for (int r = 0; r < runs; r++) {
                    struct run here = run[r];
                    here.y += ky;
                    here.x += kx;
                    copy_run(to + here.start, here.image + channel * plane, &here, shape);
                }
    clear(panel, shape[VIT_CONV_CHANNELS] * kernel * kernel, range[1]);
}
