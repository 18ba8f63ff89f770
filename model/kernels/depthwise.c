/* SPDX-License-Identifier: MIT */
/* depthwise.c - convolution of single planes. Padded planes are treated as one row of numbers: output i needs input
 * i + offset(tap), so vectors run over row ends and are full even on maps 4 wide; the few results between rows are
 * dropped. With stride s the same holds in each of s * s phases of the padded plane. */
#include "model/access.h"
#include "model/kernels/padded_plane.h"

/* Sizes of one call, and where the taps lie. */
struct layout {
    int64_t planes, batch, taps;
    int64_t in_size, out_size; /* of a plane */
    int64_t phases, outputs;   /* elements of scratch that a plane has for each */
    int64_t n;                 /* outputs at the width of a phase that are needed */
    struct vit_rows result;    /* of these into y */
    int64_t offset[VIT_MAX_TAPS];
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
    vit_find_offsets(l.offset, l.phases / (stride * stride), shape);
    return l;
}

/* Planes first to end are padded, convolved and copied out. */
static inline __attribute__((always_inline)) void convolve_batch(const struct vit_depthwise *d, const struct layout *l,
                                                                 int64_t first, int64_t end)
{
    const int64_t stride = d->shape[VIT_CONV_STRIDE];
    vit_real *const out = d->scratch + l->batch * l->phases;
    for (int64_t i = 0; i < stride * stride; i++) {
        const struct vit_rows rows = vit_phase_rows(i / stride, i % stride, d->shape);
        for (int64_t p = first; p < end; p++)
            vit_copy_rows(d->scratch + (p - first) * l->phases, d->x + p * l->in_size, &rows, stride);
    }
    for (int64_t p = first; p < end; p++) {
        const struct vit_plane plane = {.out = out + (p - first) * l->outputs,
                                        .phases = d->scratch + (p - first) * l->phases,
                                        .weight = d->weight + p * l->taps,
                                        .bias = d->bias ? d->bias[p] : 0};
        if (l->taps == 9)
            vit_convolve(&plane, l->offset, 9, l->n);
        else
            vit_convolve(&plane, l->offset, l->taps, l->n);
    }
    for (int64_t p = first; p < end; p++)
        vit_copy_rows(d->y + p * l->out_size, out + (p - first) * l->outputs, &l->result, 1);
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
static void stream_rows(struct vit_access *access, const vit_real *to, const vit_real *from, const struct vit_rows *r,
                        int64_t stride)
{
    for (int64_t i = 0; i < r->rows; i++) {
        vit_access_read(access, from + r->from + i * r->from_step, (size_t)((r->n - 1) * stride + 1) * sizeof *from);
        vit_access_write(access, to + r->to + i * r->to_step, (size_t)r->n * sizeof *to);
    }
}

/* A block of outputs reads as long a range at every tap; the ranges of a row of taps in one phase overlap. */
static void stream_block(struct vit_access *access, const struct vit_plane *p, const struct layout *l, int64_t vectors)
{
    const size_t bytes = (size_t)(vectors * VIT_LANES) * sizeof *p->out;
    for (int64_t t = 0; t < l->taps; t++) {
        vit_access_read(access, p->weight + t, sizeof *p->weight);
        vit_access_read(access, p->phases + l->offset[t], bytes);
    }
    vit_access_write(access, p->out, bytes);
}

static void stream_plane(struct vit_access *access, struct vit_plane p, const struct layout *l)
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
        const struct vit_rows rows = vit_phase_rows(i / stride, i % stride, d->shape);
        for (int64_t p = first; p < end; p++)
            stream_rows(access, d->scratch + (p - first) * l->phases, d->x + p * l->in_size, &rows, stride);
    }
    for (int64_t p = first; p < end; p++) {
        if (d->bias)
            vit_access_read(access, d->bias + p, sizeof *d->bias);
        stream_plane(access,
                     (struct vit_plane){.out = out + (p - first) * l->outputs,
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
