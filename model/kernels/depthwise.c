/* SPDX-License-Identifier: MIT */
/* depthwise.c - convolution of single planes. Padded planes are treated as one row of numbers: output i needs input
 * i + offset(tap), so vectors run over row ends and are full even on maps 4 wide; the few results between rows are
 * dropped. With stride s the same holds in each of s * s phases of the padded plane. */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/short_copy.h"

enum { MAX_TAPS = 49 };

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

/* out (n rounded up to vectors) = bias + sum over taps of weight * in[i + offset]. */
static void convolve(vit_real *out, const vit_real *const *tap, const vit_real *weight, const int64_t size[2],
                     vit_real bias)
{
    const int64_t taps = size[0], n = size[1];
    for (int64_t i = 0; i < n; i += 2 * VIT_LANES) {
        vit_vector sum0 = (vit_vector){0} + bias, sum1 = sum0;
        for (int64_t t = 0; t < taps; t++) {
            sum0 += weight[t] * *(const vit_vector *)(tap[t] + i);
            sum1 += weight[t] * *(const vit_vector *)(tap[t] + i + VIT_LANES);
        }
        *(vit_vector *)(out + i) = sum0;
        *(vit_vector *)(out + i + VIT_LANES) = sum1;
    }
}

/* y (planes, out height, out width), x (planes, height, width), weight (planes, kernel, kernel), bias (planes) or NULL;
 * scratch: vit_depthwise_scratch(shape) elements. shape[VIT_CONV_CHANNELS] planes; kernel <= 7. */
void VIT_KERNEL_NAME(depthwise_planes)(vit_real *y, const vit_real *x, const vit_real *weight, const vit_real *bias,
                                       vit_real *scratch, const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE], columns = vit_phase_width(shape);
    const int64_t phase = vit_phase_height(shape) * columns + 2 * VIT_SLACK;
    const int64_t out_height = shape[VIT_CONV_OUT_HEIGHT], out_width = shape[VIT_CONV_OUT_WIDTH];
    const int64_t size[2] = {kernel * kernel, (out_height - 1) * columns + out_width};
    vit_real *out = scratch + stride * stride * phase;
    const vit_real *tap[MAX_TAPS];
    for (int64_t t = 0; t < size[0]; t++) {
        int64_t ky = t / kernel, kx = t % kernel;
        tap[t] = scratch + (ky % stride * stride + kx % stride) * phase + ky / stride * columns + kx / stride;
    }
    memset(scratch, 0, (size_t)(stride * stride * phase) * sizeof *scratch);
    for (int64_t p = 0; p < shape[VIT_CONV_CHANNELS]; p++) {
        split_phases(scratch, phase, x + p * shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH], shape);
        convolve(out, tap, weight + p * size[0], size, bias ? bias[p] : 0);
        vit_real *to = y + p * out_height * out_width;
        for (int64_t row = 0; row < out_height; row++)
            vit_copy_short(to + row * out_width, out + row * columns, out_width);
    }
}
