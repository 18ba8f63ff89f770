/* SPDX-License-Identifier: MIT */
/* panel_pack.c - the right side of a matrix product as panels (k, VIT_PANEL) for panel_product: from a matrix, from a
 * transposed matrix, or from the windows of a convolution. Columns behind the last are zero. */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/short_copy.h"

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
    for (int64_t i = 0; i < k; i++)
        vit_copy_short(panel + i * VIT_PANEL, b + i * ldb, n);
    clear(panel, k, n);
}

/* panel (k, VIT_PANEL), b (n, k; ldb), the transposed right side. */
void VIT_KERNEL_NAME(panel_columns)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    VIT_KERNEL_NAME(transpose)(panel, b, (const int64_t[]){n, k}, VIT_PANEL, ldb);
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
    vit_copy_strided(to + first, plane + run->y * width + run->x + first * stride, end - first, stride);
    for (int64_t i = end; i < run->length; i++)
        to[i] = 0;
}

/* One row of the windows, all kernel columns: panel rows to, to + VIT_PANEL, ... */
static void copy_window_row(vit_real *to, const vit_real *plane, struct run run, const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE];
    if (kernel == stride && kernel > 2 && shape[VIT_CONV_PAD] == 0) { /* patches: the input row holds them in turn */
        VIT_KERNEL_NAME(transpose)
        (to, plane + run.y * shape[VIT_CONV_WIDTH] + run.x, (const int64_t[]){run.length, kernel}, VIT_PANEL, kernel);
        return;
    }
    for (int64_t kx = 0; kx < kernel; kx++, to += VIT_PANEL, run.x++)
        copy_run(to, plane, &run, shape);
}

/* panel (channels * kernel * kernel, VIT_PANEL): windows of x (images, channels, height, width) for the outputs
 * [range[0], range[0] + range[1]), counted through images, rows, columns. */
void VIT_KERNEL_NAME(panel_windows)(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    struct run run[VIT_PANEL];
    const int runs = find_runs(run, x, shape, range);
    const int64_t kernel = shape[VIT_CONV_KERNEL], plane = shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH];
    for (int64_t channel = 0; channel < shape[VIT_CONV_CHANNELS]; channel++)
        for (int64_t ky = 0; ky < kernel; ky++) {
            vit_real *to = panel + (channel * kernel + ky) * kernel * VIT_PANEL;
            for (int r = 0; r < runs; r++) {
                struct run here = run[r];
                here.y += ky;
                copy_window_row(to + here.start, here.image + channel * plane, here, shape);
            }
        }
    clear(panel, shape[VIT_CONV_CHANNELS] * kernel * kernel, range[1]);
}
