/* SPDX-License-Identifier: MIT */
/* depthwise.c - convolution of single planes. Padded planes are treated as one row of numbers: output i needs input
 * i + offset(tap), so vectors run over row ends and are full even on maps 4 wide; the few results between rows are
 * dropped. With stride s the same holds in each of s * s phases of the padded plane. */
#include "model/access.h"
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/short_copy.h"
#include "model/kernels/vector_lanes.h"

enum { MAX_TAPS = 49 };

struct plane {
    vit_real *out; /* outputs at the width of a phase */
    const vit_real *phases, *weight;
    vit_real bias;
};

/* Rows of `n` elements, with constant steps; every `stride`-th element. */
struct rows {
    int64_t to, from; /* where the first row starts in the two planes */
    int64_t to_step, from_step, rows, n;
};

static inline __attribute__((always_inline)) void copy_pairs(vit_real *to, const vit_real *from, const struct rows *r,
                                                             const int width)
{
    const int64_t second = r->n - width;
    for (int64_t i = r->rows; i > 0; i--, to += r->to_step, from += r->from_step) {
        memcpy(to, from, (size_t)width * sizeof *to);
        memcpy(to + second, from + second, (size_t)width * sizeof *to);
    }
}

static void copy_even_rows(vit_real *to, const vit_real *from, const struct rows *r)
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
static void copy_rows(vit_real *to, const vit_real *from, const struct rows *r, int64_t stride)
{
    to += r->to;
    from += r->from;
    if (stride == 2)
        copy_even_rows(to, from, r);
    else if (stride == 1 && r->n >= 4 && r->n < 8)
        copy_pairs(to, from, r, 4);
    else if (stride == 1 && r->n >= 8 && r->n < 16)
        copy_pairs(to, from, r, 8);
    else
        for (int64_t i = 0; i < r->rows; i++)
            vit_copy_strided(to + i * r->to_step, from + i * r->from_step, r->n, stride);
}

/* The first row or column of a plane that lies in a phase. */
static int64_t first_in_phase(int64_t phase, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE];
    return ((phase - shape[VIT_CONV_PAD]) % stride + stride) % stride;
}

/* phases (stride, stride, phase height, phase width), cleared before, from x (height, width): one phase. */
static struct rows phase_rows(int64_t ky, int64_t kx, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], pad = shape[VIT_CONV_PAD], columns = vit_phase_width(shape);
    const int64_t size = vit_phases_size(shape) / (stride * stride);
    const int64_t y = first_in_phase(ky, shape), x = first_in_phase(kx, shape);
    const int64_t height = shape[VIT_CONV_HEIGHT], width = shape[VIT_CONV_WIDTH];
    struct rows r = {.to_step = columns, .from_step = stride * width};
    if (y < height && x < width) {
        r.rows = (height - y + stride - 1) / stride;
        r.n = (width - x + stride - 1) / stride;
    }
    r.to = (ky * stride + kx) * size + (y + pad) / stride * columns + (x + pad) / stride;
    r.from = y * width + x;
    return r;
}

/* `vectors` of out, from element i on. */
static inline __attribute__((always_inline)) void convolve_block(vit_real *out, const vit_real *in,
                                                                 const int64_t *offset, const vit_real *weight,
                                                                 const int64_t taps, vit_real bias, const int vectors)
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
static inline __attribute__((always_inline)) void convolve(const struct plane *p, const int64_t *offset,
                                                           const int64_t taps, int64_t n)
{
    int64_t i = 0;
    for (; n - i > 2 * VIT_LANES; i += 4 * VIT_LANES)
        convolve_block(p->out + i, p->phases + i, offset, p->weight, taps, p->bias, 4);
    for (; i < n; i += 2 * VIT_LANES)
        convolve_block(p->out + i, p->phases + i, offset, p->weight, taps, p->bias, 2);
}

static void find_offsets(int64_t *offset, int64_t phase, const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE], columns = vit_phase_width(shape);
    for (int64_t ky = 0; ky < kernel; ky++)
        for (int64_t kx = 0; kx < kernel; kx++)
            *offset++ = (ky % stride * stride + kx % stride) * phase + ky / stride * columns + kx / stride;
}

/* Sizes of one call, and where the taps lie. */
struct layout {
    int64_t planes, batch, taps;
    int64_t in_size, out_size; /* of a plane */
    int64_t phases, outputs;   /* elements of scratch that a plane has for each */
    int64_t n;                 /* outputs at the width of a phase that are needed */
    struct rows result;        /* of these into y */
    int64_t offset[MAX_TAPS];
};

static inline __attribute__((always_inline)) struct layout find_layout(const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], width = shape[VIT_CONV_OUT_WIDTH];
    const int64_t height = shape[VIT_CONV_OUT_HEIGHT], columns = vit_phase_width(shape);
    struct layout l = {.planes = shape[VIT_CONV_CHANNELS],
                       .batch = vit_depthwise_batch(shape),
                       .taps = shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL],
                       .in_size = shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH],
                       .out_size = height * width,
                       .phases = vit_phases_size(shape),
                       .outputs = vit_phase_outputs(shape),
                       .n = (height - 1) * columns + width,
                       .result = {.to_step = width, .from_step = columns, .rows = height, .n = width}};
    find_offsets(l.offset, l.phases / (stride * stride), shape);
    return l;
}

/* Planes first to end are padded, convolved and copied out. */
static inline __attribute__((always_inline)) void convolve_batch(const struct vit_depthwise *d, const struct layout *l,
                                                                 int64_t first, int64_t end)
{
    const int64_t stride = d->shape[VIT_CONV_STRIDE];
    vit_real *const out = d->scratch + l->batch * l->phases;
    for (int64_t i = 0; i < stride * stride; i++) {
        const struct rows rows = phase_rows(i / stride, i % stride, d->shape);
        for (int64_t p = first; p < end; p++)
            copy_rows(d->scratch + (p - first) * l->phases, d->x + p * l->in_size, &rows, stride);
    }
    for (int64_t p = first; p < end; p++) {
        const struct plane plane = {.out = out + (p - first) * l->outputs,
                                    .phases = d->scratch + (p - first) * l->phases,
                                    .weight = d->weight + p * l->taps,
                                    .bias = d->bias ? d->bias[p] : 0};
        if (l->taps == 9)
            convolve(&plane, l->offset, 9, l->n);
        else
            convolve(&plane, l->offset, l->taps, l->n);
    }
    for (int64_t p = first; p < end; p++)
        copy_rows(d->y + p * l->out_size, out + (p - first) * l->outputs, &l->result, 1);
}

void VIT_KERNEL_NAME(depthwise_planes)(const struct vit_depthwise *d)
{
    const struct vit_depthwise own = *d; /* nothing that is written can change it */
    const struct layout l = find_layout(own.shape);
    memset(own.scratch, 0, (size_t)(l.batch * l.phases) * sizeof *own.scratch);
    for (int64_t first = 0; first < l.planes; first += l.batch)
        convolve_batch(&own, &l, first, l.planes - first < l.batch ? l.planes : first + l.batch);
}

/* Vectors load what lies between every stride-th element too. */
static void stream_rows(struct vit_access *access, const vit_real *to, const vit_real *from, const struct rows *r,
                        int64_t stride)
{
    for (int64_t i = 0; i < r->rows; i++) {
        vit_access_read(access, from + r->from + i * r->from_step, (size_t)((r->n - 1) * stride + 1) * sizeof *from);
        vit_access_write(access, to + r->to + i * r->to_step, (size_t)r->n * sizeof *to);
    }
}

/* A block of outputs reads as long a range at every tap; the ranges of a row of taps in one phase overlap. */
static void stream_block(struct vit_access *access, const struct plane *p, const struct layout *l, int64_t vectors)
{
    const size_t bytes = (size_t)(vectors * VIT_LANES) * sizeof *p->out;
    for (int64_t t = 0; t < l->taps; t++) {
        vit_access_read(access, p->weight + t, sizeof *p->weight);
        vit_access_read(access, p->phases + l->offset[t], bytes);
    }
    vit_access_write(access, p->out, bytes);
}

static void stream_plane(struct vit_access *access, struct plane p, const struct layout *l)
{
    for (int64_t i = 0; i < l->n;) {
        const int64_t vectors = l->n - i > 2 * VIT_LANES ? 4 : 2;
        stream_block(access, &p, l, vectors);
        i += vectors * VIT_LANES;
        p.out += vectors * VIT_LANES;
        p.phases += vectors * VIT_LANES;
    }
}

static void stream_batch(struct vit_access *access, const struct vit_depthwise *d, const struct layout *l,
                         const int64_t range[2])
{
    const int64_t stride = d->shape[VIT_CONV_STRIDE], first = range[0], end = range[1];
    vit_real *const out = d->scratch + l->batch * l->phases;
    for (int64_t i = 0; i < stride * stride; i++) {
        const struct rows rows = phase_rows(i / stride, i % stride, d->shape);
        for (int64_t p = first; p < end; p++)
            stream_rows(access, d->scratch + (p - first) * l->phases, d->x + p * l->in_size, &rows, stride);
    }
    for (int64_t p = first; p < end; p++) {
        if (d->bias)
            vit_access_read(access, d->bias + p, sizeof *d->bias);
        stream_plane(access,
                     (struct plane){.out = out + (p - first) * l->outputs,
                                    .phases = d->scratch + (p - first) * l->phases,
                                    .weight = d->weight + p * l->taps},
                     l);
    }
    for (int64_t p = first; p < end; p++)
        stream_rows(access, d->y + p * l->out_size, out + (p - first) * l->outputs, &l->result, 1);
}

void VIT_KERNEL_NAME(depthwise_planes_stream)(struct vit_access *access, const struct vit_depthwise *d)
{
    const struct layout l = find_layout(d->shape);
    vit_access_write(access, d->scratch, (size_t)(l.batch * l.phases) * sizeof *d->scratch);
    for (int64_t first = 0; first < l.planes; first += l.batch)
        stream_batch(access, d, &l, (int64_t[2]){first, l.planes - first < l.batch ? l.planes : first + l.batch});
}
