/* SPDX-License-Identifier: MIT */
/* depthwise_back.c - the way back of depthwise convolutions, plane by plane. Rows of the map are walked tap by tap:
 * with stride 1 both sides of a tap are contiguous. */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"

/* Outputs first .. end of a row or column whose tap `offset` (input minus stride times output) lies in the input. */
struct span {
    int64_t first, end;
};

static inline struct span inside(int64_t offset, int64_t stride, int64_t inputs, int64_t outputs)
{
    struct span s = {offset < 0 ? (-offset + stride - 1) / stride : 0, 0};
    s.end = inputs > offset ? (inputs - offset - 1) / stride + 1 : 0;
    if (s.end > outputs)
        s.end = outputs;
    if (s.first > s.end)
        s.first = s.end;
    return s;
}

/* dx (H, W) += the taps of dy (Ho, Wo). */
void VIT_KERNEL_NAME(depthwise_plane_dx)(vit_real *dx, const vit_real *dy, const vit_real *weight, const int64_t *shape)
{
    const int64_t k = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE], pad = shape[VIT_CONV_PAD];
    const int64_t width = shape[VIT_CONV_WIDTH], out_width = shape[VIT_CONV_OUT_WIDTH];
    for (int64_t u = 0; u < k; u++) {
        const struct span rows = inside(u - pad, stride, shape[VIT_CONV_HEIGHT], shape[VIT_CONV_OUT_HEIGHT]);
        for (int64_t i = rows.first; i < rows.end; i++)
            for (int64_t v = 0; v < k; v++) {
                const struct span columns = inside(v - pad, stride, width, out_width);
                const vit_real w = weight[u * k + v], *restrict from = dy + i * out_width;
                vit_real *restrict to = dx + (i * stride + u - pad) * width + v - pad;
                if (stride == 1)
                    for (int64_t j = columns.first; j < columns.end; j++)
                        to[j] += w * from[j];
                else
                    for (int64_t j = columns.first; j < columns.end; j++)
                        to[j * stride] += w * from[j];
            }
    }
}

/* Sum of a[i] * b[i * stride], in lanes that are added up in a fixed order. */
static vit_real dot(const vit_real *a, const vit_real *b, int64_t n, int64_t stride)
{
    vit_vector lanes = {0};
    vit_real sum = 0, rest = 0;
    int64_t i = 0;
    if (stride == 1)
        for (; i + VIT_LANES <= n; i += VIT_LANES)
            lanes += vit_vector_load(a + i) * vit_vector_load(b + i);
    for (; i < n; i++)
        rest += a[i] * b[i * stride];
    for (int l = 0; l < VIT_LANES; l++)
        sum += lanes[l];
    return sum + rest;
}

/* dw (k, k), in double, += products of dy (Ho, Wo) with the windows of x (H, W). */
void VIT_KERNEL_NAME(depthwise_plane_dw)(double *dw, const vit_real *dy, const vit_real *x, const int64_t *shape)
{
    const int64_t k = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE], pad = shape[VIT_CONV_PAD];
    const int64_t width = shape[VIT_CONV_WIDTH], out_width = shape[VIT_CONV_OUT_WIDTH];
    for (int64_t u = 0; u < k; u++) {
        const struct span rows = inside(u - pad, stride, shape[VIT_CONV_HEIGHT], shape[VIT_CONV_OUT_HEIGHT]);
        for (int64_t i = rows.first; i < rows.end; i++)
            for (int64_t v = 0; v < k; v++) {
                const struct span columns = inside(v - pad, stride, width, out_width);
                const vit_real *row = x + (i * stride + u - pad) * width + v - pad + columns.first * stride;
                dw[u * k + v] +=
                    (double)dot(dy + i * out_width + columns.first, row, columns.end - columns.first, stride);
            }
    }
}
