/* SPDX-License-Identifier: MIT */
/* depthwise.c - convolution of single planes. Padded planes are treated as one row of numbers: output i needs input
 * i + offset(tap), so vectors run over row ends and are full even on maps 4 wide; the few results between rows are
 * dropped. With stride s the same holds in each of s * s phases of the padded plane. */
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

/* phases (stride, stride, phase height, phase width), cleared before: row by row from x (height, width). */
static void split_phases(vit_real *phases, int64_t phase, const vit_real *x, const int64_t *shape)
{
    const int64_t height = shape[VIT_CONV_HEIGHT], width = shape[VIT_CONV_WIDTH];
    const int64_t stride = shape[VIT_CONV_STRIDE], pad = shape[VIT_CONV_PAD], columns = vit_phase_width(shape);
    for (int64_t y = 0; y < height; y++) {
        vit_real *row = phases + (y + pad) % stride * stride * phase + (y + pad) / stride * columns;
        for (int64_t r = 0; r < stride; r++) {
            const int64_t first = ((r - pad) % stride + stride) % stride;
            if (first < width)
                vit_copy_strided(row + r * phase + (first + pad) / stride, x + y * width + first,
                                 (width - first + stride - 1) / stride, stride);
        }
    }
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

static void copy_out(vit_real *y, const vit_real *out, const int64_t *shape)
{
    const int64_t columns = vit_phase_width(shape), width = shape[VIT_CONV_OUT_WIDTH];
    for (int64_t row = 0; row < shape[VIT_CONV_OUT_HEIGHT]; row++)
        vit_copy_short(y + row * width, out + row * columns, width);
}

/* y (planes, out height, out width), x (planes, height, width), weight (planes, kernel, kernel), bias (planes) or NULL;
 * scratch: vit_depthwise_scratch(shape) elements. shape[VIT_CONV_CHANNELS] planes; kernel <= 7. */
void VIT_KERNEL_NAME(depthwise_planes)(vit_real *y, const vit_real *x, const vit_real *weight, const vit_real *bias,
                                       vit_real *scratch, const int64_t *shape)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], planes = shape[VIT_CONV_CHANNELS];
    const int64_t taps = shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL], batch = vit_depthwise_batch(shape);
    const int64_t in_size = shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH];
    const int64_t out_size = shape[VIT_CONV_OUT_HEIGHT] * shape[VIT_CONV_OUT_WIDTH];
    const int64_t phases = vit_phases_size(shape), phase = phases / (stride * stride);
    const int64_t n = (shape[VIT_CONV_OUT_HEIGHT] - 1) * vit_phase_width(shape) + shape[VIT_CONV_OUT_WIDTH];
    vit_real *const out = scratch + batch * phases;
    int64_t offset[MAX_TAPS];
    find_offsets(offset, phase, shape);
    memset(scratch, 0, (size_t)(batch * phases) * sizeof *scratch);
    for (int64_t first = 0; first < planes; first += batch) {
        const int64_t end = planes - first < batch ? planes : first + batch;
        for (int64_t p = first; p < end; p++)
            split_phases(scratch + (p - first) * phases, phase, x + p * in_size, shape);
        for (int64_t p = first; p < end; p++) {
            const struct plane plane = {.out = out + (p - first) * vit_phase_outputs(shape),
                                        .phases = scratch + (p - first) * phases,
                                        .weight = weight + p * taps,
                                        .bias = bias ? bias[p] : 0};
            if (taps == 9)
                convolve(&plane, offset, 9, n);
            else
                convolve(&plane, offset, taps, n);
        }
        for (int64_t p = first; p < end; p++)
            copy_out(y + p * out_size, out + (p - first) * vit_phase_outputs(shape), shape);
    }
}
