/* SPDX-License-Identifier: MIT */
/* band_phases.c - the rows of x that some rows of outputs see, padded and split into phases (conv_shape.h). */
#include "model/kernels/conv_shape.h"
#include "model/kernels/isa.h"
#include "model/kernels/short_copy.h"

/* A row of one phase: every stride-th element of a padded row, from its element `phase` on. */
static void copy_row(vit_real *to, const vit_real *from, const int64_t *shape, int64_t phase)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], width = shape[VIT_CONV_WIDTH], columns = vit_phase_width(shape);
    int64_t first = (shape[VIT_CONV_PAD] - phase + stride - 1) / stride; /* that lies in x */
    if (phase >= shape[VIT_CONV_PAD])
        first = 0;
    const int64_t at = first * stride + phase - shape[VIT_CONV_PAD];
    const int64_t n = at < width ? (width - at + stride - 1) / stride : 0;
    for (int64_t i = 0; i < first && i < columns; i++)
        to[i] = 0;
    vit_copy_strided(to + first, from + at, n, stride);
    for (int64_t i = first + n; i < columns; i++)
        to[i] = 0;
}

/* phases (channels, stride, stride, size), x (channels, height, width); row: the first of the outputs, and how many. */
void VIT_KERNEL_NAME(band_phases)(vit_real *phases, const vit_real *x, const int64_t *shape, const int64_t row[2],
                                  int64_t size)
{
    const int64_t stride = shape[VIT_CONV_STRIDE], width = shape[VIT_CONV_WIDTH], height = shape[VIT_CONV_HEIGHT];
    const int64_t columns = vit_phase_width(shape), rows = row[1] + (shape[VIT_CONV_KERNEL] - 1) / stride;
    for (int64_t c = 0; c < shape[VIT_CONV_CHANNELS]; c++, x += height * width)
        for (int64_t phase = 0; phase < stride * stride; phase++, phases += size)
            for (int64_t i = 0; i < rows; i++) {
                const int64_t y = (row[0] + i) * stride + phase / stride - shape[VIT_CONV_PAD];
                if (y >= 0 && y < height)
                    copy_row(phases + i * columns, x + y * width, shape, phase % stride);
                else
                    memset(phases + i * columns, 0, (size_t)columns * sizeof *phases);
            }
}
