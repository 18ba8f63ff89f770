/* SPDX-License-Identifier: MIT */
/* w (Cout, K) times the windows (K, columns), K = Cin * k * k, in pieces of columns. 1x1 windows of large maps lie in x
 * as they are, (Cin, H * W) per image; those of small maps are gathered over several images, and all other windows are
 * copied out (im2col), into a workspace as large as one piece. */
#include "model/conv2d_blas.h"

#include "model/access.h"
#include "model/base/parallel.h"
#include "model/blas_stream.h"
#include "model/kernel_set.h"
#include "model/kernels/transpose_stream.h"
#include "model/strided_copy.h"

#include <string.h>

struct convolution {
    const vit_real *x, *w, *bias;
    vit_real *y, *scratch;
    int64_t images, channels, height, width; /* of x */
    int64_t out_channels, out_width, pixels; /* of y: pixels of one channel of one image */
    int64_t kernel, stride, pad, k;
    bool in_place;                      /* 1x1 windows are x itself */
    int64_t piece_images, piece_pixels; /* some images of all pixels, or some pixels of one image */
    struct vit_access *access;          /* NULL: compute; else name what that touches */
};

/* What one piece computes. */
struct range {
    int64_t image, images, pixel, pixels;
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Every product packs w again: pieces are as wide as pays for that, and as the windows stay in the cache. */
static void cut(struct convolution *c)
{
    enum { SMALL_MAP = 64, GATHERED = 256, PIECE_MACS = 16000000, PIECE_WINDOWS = 128 * 1024, ALIGNMENT = 16 };
    c->piece_images = 1;
    c->piece_pixels = c->pixels;
    if (c->pixels < SMALL_MAP) {
        c->piece_images = larger(1, smaller(c->images, GATHERED / larger(c->pixels, 1)));
        return;
    }
    const int64_t wanted = c->in_place ? PIECE_MACS / (c->k * c->out_channels + 1) : PIECE_WINDOWS / (c->k + 1);
    c->piece_pixels = smaller(c->pixels, larger(GATHERED, wanted / ALIGNMENT * ALIGNMENT));
}

static struct convolution describe(const struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    struct convolution c = {.x = x->data,
                            .w = op->in[1]->data,
                            .bias = op->n_in > 2 ? op->in[2]->data : NULL,
                            .y = y->data,
                            .images = x->dim[0],
                            .channels = x->dim[1],
                            .height = x->dim[2],
                            .width = x->dim[3],
                            .out_channels = y->dim[1],
                            .out_width = y->dim[3],
                            .pixels = y->dim[2] * y->dim[3],
                            .kernel = op->attr.kernel,
                            .stride = op->attr.stride,
                            .pad = op->attr.pad,
                            .k = x->dim[1] * op->attr.kernel * op->attr.kernel};
    c.in_place = c.kernel == 1 && c.stride == 1 && c.pad == 0;
    cut(&c);
    return c;
}

/* Elements of the windows of one piece, and of its results where they wait for being spread over several images. */
static int64_t window_elements(const struct convolution *c)
{
    return c->in_place && c->piece_images == 1 ? 0 : c->k * c->piece_images * c->piece_pixels;
}

static int64_t result_elements(const struct convolution *c)
{
    return c->piece_images == 1 ? 0 : c->out_channels * c->piece_images * c->piece_pixels;
}

size_t vit_conv2d_blas_workspace(const struct vit_op *op, int threads)
{
    const struct convolution c = describe(op);
    return (size_t)threads * (size_t)(window_elements(&c) + result_elements(&c)) * sizeof(vit_real);
}

/* Neighbouring outputs of one row of one image. */
struct run {
    const vit_real *image;
    vit_real *to;         /* their columns in the first row of the windows */
    int64_t step;         /* elements between rows of the windows */
    int64_t length, y, x; /* y, x: where the first window starts in the input (may be outside) */
};

static void copy_strided(vit_real *to, const vit_real *from, int64_t n, int64_t stride)
{
    if (stride == 1)
        memcpy(to, from, (size_t)n * sizeof *to);
    else if (stride == 2)
        for (int64_t i = 0; i < n; i++)
            to[i] = from[2 * i];
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = from[stride * i];
}

static void stream_strided(struct vit_access *access, vit_real *to, const vit_real *from, const int64_t size[2])
{
    const int64_t n = size[0], stride = size[1];
    if (stride == 1)
        vit_access_zip(access, &(struct vit_zip){.y = to, .a = from, .bytes = (size_t)n * sizeof *to});
    for (int64_t i = 0; i < n && stride > 1; i++) {
        vit_access_read(access, from + stride * i, sizeof *from);
        vit_access_write(access, to + i, sizeof *to);
    }
}

/* Outputs [first, end) of a run from `from` on, zeros around them. */
static void copy_between_zeros(const struct convolution *c, const struct run *run, vit_real *to, const vit_real *from,
                               const int64_t range[2])
{
    const int64_t first = range[0], end = range[1];
    if (c->access) {
        if (end > first)
            stream_strided(c->access, to + first, from, (const int64_t[]){end - first, c->stride});
        vit_access_write(c->access, to, (size_t)first * sizeof *to);
        vit_access_write(c->access, to + end, (size_t)(run->length - end) * sizeof *to);
        return;
    }
    if (end > first)
        copy_strided(to + first, from, end - first, c->stride);
    for (int64_t i = 0; i < first; i++)
        to[i] = 0;
    for (int64_t i = end; i < run->length; i++)
        to[i] = 0;
}

/* Patches: the row holds their rows one after the other. */
static void copy_patch_row(const struct convolution *c, const struct run *run, vit_real *to, const vit_real *from)
{
    const int64_t n[2] = {run->length, c->kernel};
    if (c->access)
        vit_transpose_stream(c->access, &(struct vit_transpose){to, from, n[0], n[1], run->step, c->kernel});
    else
        vit_kernels()->transpose(to, from, n, run->step, c->kernel);
}

/* What the outputs of a run see in row ky of their windows of one channel: `kernel` rows from `to`. */
static void copy_window_row(const struct convolution *c, const struct run *run, int64_t channel, int64_t ky)
{
    vit_real *to = run->to + (channel * c->kernel + ky) * c->kernel * run->step;
    const int64_t y = run->y + ky, row = (channel * c->height + y) * c->width;
    if (c->kernel == c->stride && c->pad == 0) {
        copy_patch_row(c, run, to, run->image + row + run->x);
        return;
    }
    for (int64_t kx = 0; kx < c->kernel; kx++, to += run->step) {
        const int64_t x = run->x + kx;
        int64_t first = x < 0 ? (c->stride - 1 - x) / c->stride : 0;
        int64_t end = x < c->width ? smaller((c->width - 1 - x) / c->stride + 1, run->length) : 0;
        if (y < 0 || y >= c->height || end <= first)
            first = end = 0;
        const vit_real *from = end > first ? run->image + row + x + first * c->stride : NULL;
        copy_between_zeros(c, run, to, from, (const int64_t[]){first, end});
    }
}

static void copy_runs(const struct convolution *c, const struct vit_strided_copy *copy)
{
    if (!c->access) {
        vit_kernels()->copy_runs(copy->y, copy->x, copy->dim, copy->y_stride, copy->x_stride);
        return;
    }
    for (int64_t i = 0; i < copy->dim[0]; i++)
        for (int64_t k = 0; k < copy->dim[1]; k++)
            vit_access_zip(c->access, &(struct vit_zip){.y = copy->y + i * copy->y_stride[0] + k * copy->y_stride[1],
                                                        .a = copy->x + i * copy->x_stride[0] + k * copy->x_stride[1],
                                                        .bytes = (size_t)copy->dim[2] * sizeof(vit_real)});
}

/* windows (K, images * pixels) of a range. */
static void copy_windows(const struct convolution *c, vit_real *windows, const struct range *r)
{
    const int64_t image_elements = c->channels * c->height * c->width;
    struct run run = {.step = r->images * r->pixels};
    if (c->in_place) {
        copy_runs(c, &(struct vit_strided_copy){.y = windows,
                                                .x = c->x + r->image * image_elements,
                                                .dim = {c->channels, r->images, c->pixels},
                                                .y_stride = {run.step, c->pixels},
                                                .x_stride = {c->pixels, image_elements}});
        return;
    }
    for (int64_t at = 0; at < run.step; at += run.length) {
        const int64_t pixel = r->pixel + at % r->pixels, column = pixel % c->out_width;
        run.image = c->x + (r->image + at / r->pixels) * image_elements;
        run.to = windows + at;
        run.length = smaller(c->out_width - column, r->pixels - at % r->pixels);
        run.y = pixel / c->out_width * c->stride - c->pad;
        run.x = column * c->stride - c->pad;
        for (int64_t channel = 0; channel < c->channels; channel++)
            for (int64_t ky = 0; ky < c->kernel; ky++)
                copy_window_row(c, &run, channel, ky);
    }
}

/* row (n) = bias of one channel. */
static void fill(const struct convolution *c, vit_real *row, int64_t n, const vit_real *bias)
{
    if (c->access) {
        vit_access_read(c->access, bias, sizeof *bias);
        vit_access_write(c->access, row, (size_t)n * sizeof *row);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        row[i] = *bias;
}

/* result (Cout, n; ld) = w windows (K, n; ldb) + bias. */
static void multiply(const struct convolution *c, struct vit_gemm product)
{
    for (int64_t o = 0; c->bias && o < c->out_channels; o++)
        fill(c, product.c + o * product.ldc, product.n, c->bias + o);
    product.m = (int)c->out_channels;
    product.k = product.lda = (int)c->k;
    product.alpha = 1;
    product.beta = c->bias ? 1 : 0;
    product.a = c->w;
    if (c->access)
        vit_gemm_stream(c->access, &product);
    else
        vit_gemm(&product);
}

static void convolve_piece(void *context, int64_t piece, int worker)
{
    const struct convolution *c = context;
    const int64_t across = (c->pixels + c->piece_pixels - 1) / c->piece_pixels;
    struct range r = {.image = piece / across * c->piece_images, .pixel = piece % across * c->piece_pixels};
    r.images = smaller(c->piece_images, c->images - r.image);
    r.pixels = smaller(c->piece_pixels, c->pixels - r.pixel);
    const int64_t columns = r.images * r.pixels;
    vit_real *windows = c->scratch + worker * (window_elements(c) + result_elements(c));
    vit_real *y = c->y + r.image * c->out_channels * c->pixels + r.pixel;
    struct vit_gemm product = {.n = (int)columns, .b = windows, .ldb = (int)columns, .c = y, .ldc = (int)c->pixels};
    if (c->in_place && r.images == 1) {
        product.b = c->x + r.image * c->channels * c->pixels + r.pixel;
        product.ldb = (int)c->pixels;
    } else {
        copy_windows(c, windows, &r);
    }
    if (r.images == 1) {
        multiply(c, product);
        return;
    }
    product.c = windows + window_elements(c);
    product.ldc = (int)columns;
    multiply(c, product);
    copy_runs(c, &(struct vit_strided_copy){.y = y,
                                            .x = product.c,
                                            .dim = {r.images, c->out_channels, c->pixels},
                                            .y_stride = {c->out_channels * c->pixels, c->pixels},
                                            .x_stride = {c->pixels, columns}});
}

void vit_conv2d_blas_stream(const struct vit_step *step, struct vit_access *access)
{
    struct convolution c = describe(step->op);
    c.scratch = step->workspace;
    c.access = access;
    const int64_t across = (c.pixels + c.piece_pixels - 1) / c.piece_pixels;
    const int64_t down = (c.images + c.piece_images - 1) / c.piece_images;
    vit_parallel_for(access ? NULL : step->pool, across * down, convolve_piece, &c);
}

void vit_conv2d_blas_forward(const struct vit_step *step)
{
    vit_conv2d_blas_stream(step, NULL);
}
