/* SPDX-License-Identifier: MIT */
/* panel_windows.c - the windows of a convolution as panels for panel_product: outputs as columns, or, where sums run
 * over the outputs, as rows. Columns behind the last are zero. */
#include "model/access.h"
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/panel_clear.h"
#include "model/kernels/short_copy.h"
#include "model/kernels/transpose_stream.h"

#include <stdbool.h>

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
    int64_t tap_step, channel_step; /* elements of the panel between places of a window, and between channels */
    struct vit_access *access;      /* NULL: copy; else name what the copies touch */
};

/* Windows of a channel after those of the one before. */
static struct windows by_channel(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    return (struct windows){.panel = panel,
                            .x = x,
                            .shape = shape,
                            .range = range,
                            .tap_step = VIT_PANEL,
                            .channel_step = shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL] * VIT_PANEL};
}

static int64_t rows_of(const int64_t *shape)
{
    return shape[VIT_CONV_CHANNELS] * shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL];
}

/* Windows that touch but do not overlap. */
static bool are_patches(const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL];
    return kernel == shape[VIT_CONV_STRIDE] && kernel > 2 && shape[VIT_CONV_PAD] == 0;
}

/* A row of the input holds the rows of its patches one after the other. */
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
    const bool patches = are_patches(w->shape);
    for (int r = 0; r < runs; r++)
        for (int64_t ky = 0; ky < kernel; ky++) {
            vit_real *to = w->panel + ky * kernel * w->tap_step + run[r].start;
            if (patches)
                copy_patches(w, to, &run[r], ky);
            for (int64_t kx = 0; !patches && kx < kernel; kx++) {
                struct column column = make_column(&run[r], ky, kx, w->shape);
                column.to = to + kx * w->tap_step;
                column.to_step = w->channel_step;
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
    const struct windows windows = by_channel(panel, x, shape, range);
    copy_runs(&windows);
    vit_panel_clear(panel, rows_of(shape), range[1]);
}

/* The same, place by place of the window: row place * channels + channel. */
void VIT_KERNEL_NAME(panel_taps)(vit_real *panel, const vit_real *x, const int64_t *shape, const int64_t range[2])
{
    struct windows windows = by_channel(panel, x, shape, range);
    windows.tap_step = shape[VIT_CONV_CHANNELS] * VIT_PANEL;
    windows.channel_step = VIT_PANEL;
    copy_runs(&windows);
    vit_panel_clear(panel, rows_of(shape), range[1]);
}

void VIT_KERNEL_NAME(panel_windows_stream)(struct vit_access *access, vit_real *panel, const vit_real *x,
                                           const int64_t *shape, const int64_t range[2])
{
    struct windows windows = by_channel(panel, x, shape, range);
    windows.access = access;
    copy_runs(&windows);
    vit_panel_clear_stream(access, panel, rows_of(shape), range[1]);
}

/* Columns [range[2], range[2] + range[3]) of the windows of some outputs, as rows of a panel. */
struct transposed {
    vit_real *panel; /* of the first output */
    const vit_real *x;
    const int64_t *shape;
    int64_t column, columns;
};

/* Patches: pieces of a row of the input are pieces of a row of the panel. */
static void copy_patch_rows(const struct transposed *t, const struct run *run)
{
    const int64_t kernel = t->shape[VIT_CONV_KERNEL], width = t->shape[VIT_CONV_WIDTH];
    const int64_t end = t->column + t->columns;
    for (int64_t column = t->column, length; column < end; column += length) {
        const int64_t ky = column / kernel % kernel, kx = column % kernel;
        const int64_t row = column / (kernel * kernel) * t->shape[VIT_CONV_HEIGHT] + run->y + ky;
        const vit_real *from = run->image + row * width + run->x + kx;
        vit_real *to = t->panel + run->start * VIT_PANEL + column - t->column;
        length = kernel - kx < end - column ? kernel - kx : end - column;
        for (int64_t i = 0; i < run->length; i++)
            vit_copy_short(to + i * VIT_PANEL, from + i * kernel, length);
    }
}

/* The same windows as rows of `windows`, for all channels at one place. */
static void copy_place(const struct transposed *t, const struct run *run, int64_t place, vit_real *windows)
{
    const int64_t kernel = t->shape[VIT_CONV_KERNEL], area = kernel * kernel;
    const int64_t first = place < t->column ? (t->column - place + area - 1) / area : 0;
    struct column column = make_column(run, place / kernel, place % kernel, t->shape);
    column.channels = (t->column + t->columns - place - first * area + area - 1) / area;
    column.to = windows + (first * area + place - t->column) * VIT_PANEL + run->start;
    column.to_step = area * VIT_PANEL;
    column.from = column.from ? column.from + first * column.from_step : NULL;
    if (t->column + t->columns > place + first * area)
        copy_column(&column);
}

static void transpose_windows(const struct transposed *t, const int64_t range[2])
{
    vit_real windows[VIT_PANEL * VIT_PANEL];
    struct run run[VIT_PANEL];
    const int runs = find_runs(run, t->x, t->shape, range);
    const bool patches = are_patches(t->shape);
    for (int r = 0; r < runs; r++) {
        if (patches)
            copy_patch_rows(t, &run[r]);
        for (int64_t place = 0; !patches && place < t->shape[VIT_CONV_KERNEL] * t->shape[VIT_CONV_KERNEL]; place++)
            copy_place(t, &run[r], place, windows);
    }
    if (!patches)
        VIT_KERNEL_NAME(transpose)(t->panel, windows, (const int64_t[]){t->columns, range[1]}, VIT_PANEL, VIT_PANEL);
}

/* 1x1 windows: an image is (channels, pixels). */
static void transpose_pixels(const struct transposed *t, const int64_t range[2])
{
    const int64_t pixels = t->shape[VIT_CONV_OUT_HEIGHT] * t->shape[VIT_CONV_OUT_WIDTH];
    for (int64_t at = 0, n; at < range[1]; at += n) {
        const int64_t image = (range[0] + at) / pixels, pixel = (range[0] + at) % pixels;
        const vit_real *from = t->x + (image * t->shape[VIT_CONV_CHANNELS] + t->column) * pixels + pixel;
        n = pixels - pixel < range[1] - at ? pixels - pixel : range[1] - at;
        VIT_KERNEL_NAME(transpose)
        (t->panel + at * VIT_PANEL, from, (const int64_t[]){t->columns, n}, VIT_PANEL, pixels);
    }
}

/* panel (range[1], VIT_PANEL): for each of the outputs [range[0], range[0] + range[1]) the elements [range[2],
 * range[2] + range[3]) of its window (channels * kernel * kernel), range[3] <= VIT_PANEL. */
void VIT_KERNEL_NAME(panel_window_columns)(vit_real *panel, const vit_real *x, const int64_t *shape,
                                           const int64_t range[4])
{
    struct transposed t = {panel, x, shape, range[2], range[3]};
    if (shape[VIT_CONV_KERNEL] == 1 && shape[VIT_CONV_STRIDE] == 1 && shape[VIT_CONV_PAD] == 0) {
        transpose_pixels(&t, range);
    } else {
        for (int64_t at = 0; at < range[1]; at += VIT_PANEL, t.panel += VIT_PANEL * VIT_PANEL) {
            const int64_t left = range[1] - at;
            transpose_windows(&t, (const int64_t[]){range[0] + at, left < VIT_PANEL ? left : VIT_PANEL});
        }
    }
    vit_panel_clear(panel, range[1], range[3]);
}
