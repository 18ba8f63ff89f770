/* SPDX-License-Identifier: MIT */
/* panel_pack.c - the right side of a matrix product as panels (k, VIT_PANEL) for panel_product: from a matrix, from a
 * transposed matrix, or from the windows of a convolution. Columns behind the last are zero. */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/panel.h"
#include "model/kernels/short_copy.h"

#include <stdbool.h>

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

/* What the outputs of one run see at one place of their windows, for all channels. */
struct column {
    vit_real *to;
    const vit_real *from; /* of output `first` */
    int64_t first, end;   /* outputs before and from here on look outside the input: zero */
    int64_t length, stride;
    int64_t channels, to_step, from_step; /* elements between channels */
    bool fetch;                           /* the lines that the next panel will read */
};

static struct column make_column(const struct run *run, int64_t ky, int64_t kx, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], width = shape[VIT_CONV_WIDTH], height = shape[VIT_CONV_HEIGHT];
    const int64_t y = run->y + ky, x = run->x + kx;
    struct column c = {.length = run->length,
                       .stride = stride,
                       .channels = shape[VIT_CONV_CHANNELS],
                       .to_step = shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL] * VIT_PANEL,
                       .from_step = height * width,
                       .fetch = kx == 0};
    c.first = x < 0 ? (stride - 1 - x) / stride : 0;
    c.end = x < width ? (width - 1 - x) / stride + 1 : 0;
    if (c.end > run->length)
        c.end = run->length;
    if (y < 0 || y >= height || c.end <= c.first)
        c.first = c.end = 0;
    else
        c.from = run->image + y * width + x + c.first * stride;
    return c;
}

static inline __attribute__((always_inline)) void copy_channels(const struct column *c, const int64_t stride)
{
    enum { LINE = 64 / (int)sizeof(vit_real) };
    vit_real *to = c->to;
    const vit_real *from = c->from;
    const int64_t n = c->end - c->first;
    for (int64_t channel = 0; channel < c->channels; channel++, to += c->to_step) {
        for (int64_t i = 0; i < c->first; i++)
            to[i] = 0;
        for (int64_t i = c->end; i < c->length; i++)
            to[i] = 0;
        if (n == 0)
            continue;
        vit_copy_strided(to + c->first, from, n, stride);
        for (int64_t i = 0; c->fetch && i < n * stride; i += LINE)
            __builtin_prefetch(from + n * stride + i);
        from += c->from_step;
    }
}

static void copy_column(const struct column *c)
{
    if (c->stride == 1)
        copy_channels(c, 1);
    else if (c->stride == 2)
        copy_channels(c, 2);
    else
        copy_channels(c, c->stride);
}

/* Windows that touch but do not overlap: a row of the input holds the rows of its windows one after the other. */
static void copy_patches(vit_real *to, const struct run *run, int64_t ky, const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], width = shape[VIT_CONV_WIDTH];
    const vit_real *from = run->image + (run->y + ky) * width + run->x;
    for (int64_t channel = 0; channel < shape[VIT_CONV_CHANNELS]; channel++) {
        VIT_KERNEL_NAME(transpose)(to, from, (const int64_t[]){run->length, kernel}, VIT_PANEL, kernel);
        to += kernel * kernel * VIT_PANEL;
        from += shape[VIT_CONV_HEIGHT] * width;
    }
}

/* panel (channels * kernel * kernel, VIT_PANEL): windows of x (images, channels, height, width) for the outputs
 * [range[0], range[0] + range[1]), counted through images, rows, columns. */
void VIT_KERNEL_NAME(panel_windows)(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    struct run run[VIT_PANEL];
    const int runs = find_runs(run, x, shape, range);
    const int64_t kernel = shape[VIT_CONV_KERNEL];
    const bool patches = kernel == shape[VIT_CONV_STRIDE] && kernel > 2 && shape[VIT_CONV_PAD] == 0;
    for (int r = 0; r < runs; r++)
        for (int64_t ky = 0; ky < kernel; ky++) {
            vit_real *to = panel + ky * kernel * VIT_PANEL + run[r].start;
            if (patches)
                copy_patches(to, &run[r], ky, shape);
            for (int64_t kx = 0; !patches && kx < kernel; kx++) {
                struct column column = make_column(&run[r], ky, kx, shape);
                column.to = to + kx * VIT_PANEL;
                copy_column(&column);
            }
        }
    clear(panel, shape[VIT_CONV_CHANNELS] * kernel * kernel, range[1]);
}
