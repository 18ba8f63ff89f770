/* SPDX-License-Identifier: MIT */
/* depthwise_back.c - the way back of depthwise convolutions, on the padded planes of depthwise.c. Output i sees input
 * i + offset(tap), so input i gathers the gradients of outputs i - offset(tap), and a weight is a product of two runs.
 * Gradients lie at the width of a phase, zeros between their rows and around them. */
#include "model/kernels/padded_plane.h"
#include "model/kernels/phases.h"

/* Scratch: gradients, phases of x, and of dx one row of phases, for each plane of a batch. */
struct layout {
    int64_t batch, taps, columns;
    int64_t lead;                    /* zeros before the gradients: the largest offset */
    int64_t gradients, phases, slot; /* elements; slot: of one phase */
    int64_t n;                       /* gradients, from the first to the last */
    struct vit_rows gradient;        /* from dy */
    int64_t offset[VIT_MAX_TAPS];
};

static struct layout find_layout(const int64_t *shape)
{
    const int64_t kernel = shape[VIT_CONV_KERNEL], stride = shape[VIT_CONV_STRIDE];
    const int64_t height = shape[VIT_CONV_OUT_HEIGHT], width = shape[VIT_CONV_OUT_WIDTH];
    struct layout l = {.batch = vit_depthwise_back_batch(shape),
                       .taps = kernel * kernel,
                       .columns = vit_phase_width(shape),
                       .lead = vit_depthwise_back_lead(shape),
                       .gradients = vit_depthwise_back_gradients(shape),
                       .phases = vit_phases_size(shape),
                       .slot = vit_phases_size(shape) / (stride * stride)};
    l.n = (height - 1) * l.columns + width;
    l.gradient = (struct vit_rows){.to = l.lead, .to_step = l.columns, .from_step = width, .rows = height, .n = width};
    vit_find_offsets(l.offset, l.slot, shape);
    return l;
}

/* sum[t] += products of dy with the inputs that its outputs see at tap t; x: where the first of these is. */
static inline __attribute__((always_inline)) void correlate(vit_vector *sum, const vit_real *dy, const vit_real *x,
                                                            const int64_t *offset, const int64_t n, const int taps)
{
    vit_vector own[9];
    for (int t = 0; t < taps; t++)
        own[t] = sum[t];
    for (int64_t i = 0; i < n; i += VIT_LANES) {
        const vit_vector gradient = vit_vector_load(dy + i);
        for (int t = 0; t < taps; t++)
            own[t] += gradient * vit_vector_load(x + i + offset[t]);
    }
    for (int t = 0; t < taps; t++)
        sum[t] = own[t];
}

static void correlate_plane(vit_vector *sum, const vit_real *dy, const vit_real *x, const struct layout *l)
{
    int64_t t = 0;
    for (; t + 9 <= l->taps; t += 9)
        correlate(sum + t, dy, x, l->offset + t, l->n, 9);
    for (; t + 4 <= l->taps; t += 4)
        correlate(sum + t, dy, x, l->offset + t, l->n, 4);
    for (; t < l->taps; t++)
        correlate(sum + t, dy, x, l->offset + t, l->n, 1);
}

/* Weights of the taps that read a phase, and their offsets within it turned round. */
struct taps {
    int64_t n, offset[VIT_MAX_TAPS];
    vit_real weight[VIT_MAX_TAPS];
};

static struct taps taps_of(const struct vit_depthwise_back *b, const struct layout *l, int64_t ky, int64_t kx)
{
    const int64_t kernel = b->shape[VIT_CONV_KERNEL], stride = b->shape[VIT_CONV_STRIDE];
    struct taps taps = {0};
    for (int64_t u = ky; u < kernel; u += stride)
        for (int64_t v = kx; v < kernel; v += stride) {
            taps.offset[taps.n] = -(u / stride * l->columns + v / stride);
            taps.weight[taps.n++] = b->weight[u * kernel + v];
        }
    return taps;
}

/* dx of every stride-th row from `row` on, of `planes` images from `image` on. */
static void gather_rows(const struct vit_depthwise_back *b, const struct layout *l, int64_t image, int64_t planes,
                        int64_t row)
{
    const int64_t stride = b->shape[VIT_CONV_STRIDE], pad = b->shape[VIT_CONV_PAD], width = b->shape[VIT_CONV_WIDTH];
    const int64_t ky = (row + pad) % stride;
    vit_real *const out = b->scratch + l->batch * (l->gradients + l->phases);
    struct vit_rows rows = {0};
    for (int64_t column = 0; column < stride && column < width; column++) {
        const int64_t kx = (column + pad) % stride;
        const struct taps taps = taps_of(b, l, ky, kx);
        const struct vit_rows here = vit_phase_rows(ky, kx, b->shape);
        const int64_t first = l->lead + here.to - (ky * stride + kx) * l->slot;
        rows = column == 0 ? here : rows;
        for (int64_t p = 0; p < planes && here.rows > 0; p++) {
            const struct vit_plane plane = {.out = out + (p * stride + column) * l->slot,
                                            .phases = b->scratch + p * l->gradients + first,
                                            .weight = taps.weight};
            const int64_t n = (here.rows - 1) * l->columns + here.n;
            if (taps.n == 9)
                vit_convolve(&plane, taps.offset, 9, n);
            else
                vit_convolve(&plane, taps.offset, taps.n, n);
        }
    }
    for (int64_t p = 0; p < planes && rows.rows > 0; p++)
        VIT_KERNEL_NAME(spread_phases)
    (&(struct vit_phases){.y = b->dx + (image + p) * b->in_step + row * width,
                          .x = out + p * stride * l->slot,
                          .y_step = stride * width,
                          .x_step = l->columns,
                          .x_phase = l->slot,
                          .channels = rows.rows,
                          .n = width,
                          .stride = stride,
                          .adds = b->adds});
}

static void back_batch(const struct vit_depthwise_back *b, const struct layout *l, int64_t image, int64_t planes)
{
    const int64_t stride = b->shape[VIT_CONV_STRIDE];
    vit_real *const gradients = b->scratch, *const phases = gradients + l->batch * l->gradients;
    vit_vector sum[VIT_MAX_TAPS] = {{0}};
    for (int64_t p = 0; p < planes; p++)
        vit_copy_rows(gradients + p * l->gradients, b->dy + (image + p) * b->out_step, &l->gradient, 1);
    for (int64_t i = 0; b->dw && i < stride * stride; i++) {
        const struct vit_rows rows = vit_phase_rows(i / stride, i % stride, b->shape);
        for (int64_t p = 0; p < planes; p++)
            vit_copy_rows(phases + p * l->phases, b->x + (image + p) * b->in_step, &rows, stride);
    }
    for (int64_t row = 0; b->dx && row < stride; row++)
        gather_rows(b, l, image, planes, row);
    for (int64_t p = 0; b->dw && p < planes; p++)
        correlate_plane(sum, gradients + p * l->gradients + l->lead, phases + p * l->phases, l);
    for (int64_t t = 0; b->dw && t < l->taps; t++)
        b->dw[t] += (double)vit_vector_sum(sum[t]);
}

void VIT_KERNEL_NAME(depthwise_back)(const struct vit_depthwise_back *back)
{
    const struct layout l = find_layout(back->shape);
    memset(back->scratch, 0, (size_t)(l.batch * (l.gradients + l.phases)) * sizeof *back->scratch);
    for (int64_t image = 0; image < back->images; image += l.batch)
        back_batch(back, &l, image, back->images - image < l.batch ? back->images - image : l.batch);
}
