/* SPDX-License-Identifier: MIT */
/* panel_pack.c - the right side of a matrix product as panels (k, VIT_PANEL) for panel_product: from a matrix, from a
 * transposed matrix, or from the windows of a convolution. Columns behind the last are zero. */
#include "model/access.h"
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/panel.h"
#include "model/kernels/short_copy.h"
#include "model/kernels/transpose_stream.h"

#include <stdbool.h>

static inline void clear(vit_real *panel, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k && n < VIT_PANEL; i++)
        for (int64_t j = n; j < VIT_PANEL; j++)
            panel[i * VIT_PANEL + j] = 0;
}

static void stream_clear(struct vit_access *access, vit_real *panel, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k && n < VIT_PANEL; i++)
        vit_access_write(access, panel + i * VIT_PANEL + n, (size_t)(VIT_PANEL - n) * sizeof(vit_real));
}

/* panel (k, VIT_PANEL), b (k, n; ldb): n <= VIT_PANEL columns. */
void VIT_KERNEL_NAME(panel_rows)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++)
        vit_copy_short(panel + i * VIT_PANEL, b + i * ldb, n);
    clear(panel, k, n);
}

void VIT_KERNEL_NAME(panel_rows_stream)(struct vit_access *access, vit_real *panel, const vit_real *b, int64_t ldb,
                                        const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    for (int64_t i = 0; i < k; i++)
        vit_access_zip(
            access,
            &(struct vit_zip){.y = panel + i * VIT_PANEL, .a = b + i * ldb, .bytes = (size_t)n * sizeof(vit_real)});
    stream_clear(access, panel, k, n);
}

/* panel (k, VIT_PANEL), b (n, k; ldb), the transposed right side. */
void VIT_KERNEL_NAME(panel_columns)(vit_real *panel, const vit_real *b, int64_t ldb, const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    VIT_KERNEL_NAME(transpose)(panel, b, (const int64_t[]){n, k}, VIT_PANEL, ldb);
    clear(panel, k, n);
}

void VIT_KERNEL_NAME(panel_columns_stream)(struct vit_access *access, vit_real *panel, const vit_real *b, int64_t ldb,
                                           const int64_t size[2])
{
    const int64_t k = size[0], n = size[1];
    vit_transpose_stream(access, &(struct vit_transpose){panel, b, n, k, VIT_PANEL, ldb});
    stream_clear(access, panel, k, n);
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

/* What copy_channels touches: in each channel zeros, then the elements, to neighbouring places of one row. */
static void stream_column(struct vit_access *access, const struct column *c)
{
    vit_real *to = c->to;
    const vit_real *from = c->from;
    const int64_t n = c->end - c->first;
    const bool dense = c->stride == 1 || (c->stride == 2 && n >= 4); /* by vectors, with what lies between */
    for (int64_t channel = 0; channel < c->channels; channel++, to += c->to_step) {
        if (n > 0 && dense)
            vit_access_read(access, from, (size_t)((n - 1) * c->stride + 1) * sizeof(vit_real));
        for (int64_t i = 0; i < n && !dense; i++)
            vit_access_read(access, from + i * c->stride, sizeof(vit_real));
        vit_access_write(access, to, (size_t)c->length * sizeof(vit_real));
        from = n > 0 ? from + c->from_step : from;
    }
}

struct windows {
    vit_real *panel;
    const vit_real *x;
    const int64_t *shape, *range;
    struct vit_access *access; /* NULL: copy; else name what the copies touch */
};

/* Windows that touch but do not overlap: a row of the input holds the rows of its windows one after the other. */
static void copy_patches(const struct windows *w, vit_real *to, const struct run *run, int64_t ky)
{
    const int64_t kernel = w->shape[VIT_CONV_KERNEL], width = w->shape[VIT_CONV_WIDTH];
    const int64_t n[2] = {run->length, kernel};
    const vit_real *from = run->image + (run->y + ky) * width + run->x;
    for (int64_t channel = 0; channel < w->shape[VIT_CONV_CHANNELS]; channel++) {
        if (w->access)
            vit_transpose_stream(w->access, &(struct vit_transpose){to, from, n[0], n[1], VIT_PANEL, kernel});
        else
            VIT_KERNEL_NAME(transpose)(to, from, n, VIT_PANEL, kernel);
        to += kernel * kernel * VIT_PANEL;
        from += w->shape[VIT_CONV_HEIGHT] * width;
    }
}

static void copy_runs(const struct windows *w)
{
    struct run run[VIT_PANEL];
    const int runs = find_runs(run, w->x, w->shape, w->range);
    const int64_t kernel = w->shape[VIT_CONV_KERNEL];
    const bool patches = kernel == w->shape[VIT_CONV_STRIDE] && kernel > 2 && w->shape[VIT_CONV_PAD] == 0;
    for (int r = 0; r < runs; r++)
        for (int64_t ky = 0; ky < kernel; ky++) {
            vit_real *to = w->panel + ky * kernel * VIT_PANEL + run[r].start;
            if (patches)
                copy_patches(w, to, &run[r], ky);
            for (int64_t kx = 0; !patches && kx < kernel; kx++) {
                struct column column = make_column(&run[r], ky, kx, w->shape);
                column.to = to + kx * VIT_PANEL;
                if (w->access)
                    stream_column(w->access, &column);
                else
                    copy_column(&column);
            }
        }
}

/* panel (channels * kernel * kernel, VIT_PANEL): windows of x (images, channels, height, width) for the outputs
 * [range[0], range[0] + range[1]), counted through images, rows, columns. */
void VIT_KERNEL_NAME(panel_windows)(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    copy_runs(&(struct windows){.panel = panel, .x = x, .shape = shape, .range = range});
    clear(panel, shape[VIT_CONV_CHANNELS] * shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL], range[1]);
}

void VIT_KERNEL_NAME(panel_windows_stream)(struct vit_access *access, vit_real *panel, const vit_real *x,
                                           const int64_t *shape, const int64_t range[2])
{
    copy_runs(&(struct windows){panel, x, shape, range, access});
    stream_clear(access, panel, shape[VIT_CONV_CHANNELS] * shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL], range[1]);
}
