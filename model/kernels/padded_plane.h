/* SPDX-License-Identifier: MIT */
/* padded_plane.h - what depthwise convolutions and their way back share: planes padded and split into phases
 * (conv_shape.h), taps as offsets, vectors that run over row ends. */
#pragma once

#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/short_copy.h"
#include "model/kernels/vector_lanes.h"

enum { VIT_MAX_TAPS = 49 };

struct vit_plane {
    vit_real *out; /* outputs at the width of a phase */
    const vit_real *phases, *weight;
    vit_real bias;
};

/* Rows of `n` elements, with constant steps; every `stride`-th element. */
struct vit_rows {
    int64_t to, from; /* where the first row starts in the two planes */
    int64_t to_step, from_step, rows, n;
};

static inline __attribute__((always_inline)) void vit_copy_pairs(vit_real *to, const vit_real *from,
                                                                 const struct vit_rows *r, const int width)
{
    const int64_t second = r->n - width;
    for (int64_t i = r->rows; i > 0; i--, to += r->to_step, from += r->from_step) {
        memcpy(to, from, (size_t)width * sizeof *to);
        memcpy(to + second, from + second, (size_t)width * sizeof *to);
    }
}

static inline void vit_copy_even_rows(vit_real *to, const vit_real *from, const struct vit_rows *r)
{
    const int64_t n = r->n;
    for (int64_t i = r->rows; i > 0; i--, to += r->to_step, from += r->from_step)
        if (n >= 4 && n < 8) {
            vit_copy_even_quad(to, from);
            vit_copy_even_quad(to + n - 4, from + 2 * (n - 4));
        } else if (n == 3) {
            to[0] = from[0];
            to[1] = from[2];
            to[2] = from[4];
        } else {
            vit_copy_even(to, from, n);
        }
}

/* The usual widths are chosen before the loop over rows, not in it. */
static inline void vit_copy_rows(vit_real *to, const vit_real *from, const struct vit_rows *r, int64_t stride)
{
    to += r->to;
    from += r->from;
    if (stride == 2)
        vit_copy_even_rows(to, from, r);
    else if (stride == 1 && r->n >= 4 && r->n < 8)
        vit_copy_pairs(to, from, r, 4);
    else if (stride == 1 && r->n >= 8 && r->n < 16)
        vit_copy_pairs(to, from, r, 8);
    else
        for (int64_t i = 0; i < r->rows; i++)
            vit_copy_strided(to + i * r->to_step, from + i * r->from_step, r->n, stride);
}

/* The first row or column of a plane that lies in a phase. */
static inline int64_t vit_first_in_phase(int64_t phase, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE];
    return ((phase - shape[VIT_CONV_PAD]) % stride + stride) % stride;
}

/* phases (stride, stride, phase height, phase width), cleared before, from x (height, width): one phase. */
static inline struct vit_rows vit_phase_rows(int64_t ky, int64_t kx, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], pad = shape[VIT_CONV_PAD], columns = vit_phase_width(shape);
    const int64_t size = vit_phases_size(shape) / (stride * stride);
    const int64_t y = vit_first_in_phase(ky, shape), x = vit_first_in_phase(kx, shape);
    const int64_t height = shape[VIT_CONV_HEIGHT], width = shape[VIT_CONV_WIDTH];
    struct vit_rows r = {.to_step = columns, .from_step = stride * width};
    if (y < height && x < width) {
        r.rows = (height - y + stride - 1) / stride;
        r.n = (width - x + stride - 1) / stride;
    }
    r.to = (ky * stride + kx) * size + (y + pad) / stride * columns + (x + pad) / stride;
    r.from = y * width + x;
    return r;
}

/* `vectors` of out, from element i on. */
static inline __attribute__((always_inline)) void vit_convolve_block(vit_real *out, const vit_real *in,
                                                                     const int64_t *offset, const vit_real *weight,
                                                                     const int64_t taps, vit_real bias,
                                                                     const int vectors)
{
    vit_vector sum[4];
    for (int v = 0; v < vectors; v++)
        sum[v] = vit_vector_fill(bias);
    for (int64_t t = 0; t < taps; t++)
        for (int v = 0; v < vectors; v++)
            sum[v] += weight[t] * vit_vector_load(in + offset[t] + v * VIT_LANES);
    for (int v = 0; v < vectors; v++)
        vit_vector_store(out + v * VIT_LANES, sum[v]);
}

/* out[i] = bias + sum over taps of weight * in[i + offset], i < n and up to two vectors beyond. */
static inline __attribute__((always_inline)) void vit_convolve(const struct vit_plane *p, const int64_t *offset,
                                                               const int64_t taps, int64_t n)
{
    int64_t i = 0;
    for (; n - i > 2 * VIT_LANES; i += 4 * VIT_LANES)
        vit_convolve_block(p->out + i, p->phases + i, offset, p->weight, taps, p->bias, 4);
    for (; i < n; i += 2 * VIT_LANES)
        vit_convolve_block(p->out + i, p->phases + i, offset, p->weight, taps, p->bias, 2);
}

static inline void vit_find_offsets(int64_t *offset, int64_t phase, const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE], columns = vit_phase_width(shape);
    for (int64_t ky = 0; ky < kernel; ky++)
        for (int64_t kx = 0; kx < kernel; kx++)
            *offset++ = (ky % stride * stride + kx % stride) * phase + ky / stride * columns + kx / stride;
}
