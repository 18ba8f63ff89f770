/* SPDX-License-Identifier: MIT */
/* conv_shape.h - sizes that convolution kernels take as one array `const int64_t *shape`, and sizes of their scratch.
 */
#pragma once

#include "model/base/real.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    VIT_CONV_CHANNELS, /* of the input */
    VIT_CONV_HEIGHT,   /* of the input */
    VIT_CONV_WIDTH,
    VIT_CONV_OUT_HEIGHT,
    VIT_CONV_OUT_WIDTH,
    VIT_CONV_KERNEL,
    VIT_CONV_STRIDE,
    VIT_CONV_PAD,
    VIT_CONV_SIZES
};

/* The largest vector in elements: slack behind scratch that is read and written by whole vectors. */
enum { VIT_SLACK = 16 };

/* Depthwise scratch: the padded plane is split into stride * stride phases (row % stride, column % stride), so that
 * each tap reads neighbouring elements for neighbouring outputs. Rows and columns of one phase: */
static inline int64_t vit_phase_height(const int64_t *shape)
{
    return (shape[VIT_CONV_HEIGHT] + 2 * shape[VIT_CONV_PAD] + shape[VIT_CONV_STRIDE] - 1) / shape[VIT_CONV_STRIDE];
}

static inline int64_t vit_phase_width(const int64_t *shape)
{
    return (shape[VIT_CONV_WIDTH] + 2 * shape[VIT_CONV_PAD] + shape[VIT_CONV_STRIDE] - 1) / shape[VIT_CONV_STRIDE];
}

/* Elements of the phases of one plane, and of its outputs at the width of a phase. */
static inline int64_t vit_phases_size(const int64_t *shape)
{
    const int64_t phases = shape[VIT_CONV_STRIDE] * shape[VIT_CONV_STRIDE];
    return phases * (vit_phase_height(shape) * vit_phase_width(shape) + 2 * VIT_SLACK);
}

static inline int64_t vit_phase_outputs(const int64_t *shape)
{
    return shape[VIT_CONV_OUT_HEIGHT] * vit_phase_width(shape) + 2 * VIT_SLACK;
}

/* Planes that are padded, convolved and copied out together: vectors that read what shorter stores have just written
 * wait for the cache, so several planes' stores lie between. */
static inline int64_t vit_depthwise_batch(const int64_t *shape)
{
    enum { ELEMENTS = 4096, PLANES = 16 };
    const int64_t planes = ELEMENTS / (vit_phases_size(shape) + vit_phase_outputs(shape));
    return planes < 1 ? 1 : planes > PLANES ? PLANES : planes;
}

/* What depthwise_planes takes. */
struct vit_depthwise {
    vit_real *y;            /* (planes, out height, out width) */
    const vit_real *x;      /* (planes, height, width) */
    const vit_real *weight; /* (planes, kernel, kernel) */
    const vit_real *bias;   /* (planes) or NULL */
    vit_real *scratch;      /* vit_depthwise_scratch(shape) elements */
    const int64_t *shape;   /* VIT_CONV_CHANNELS: planes; kernel <= 7 */
};

/* Elements of scratch for depthwise_planes. */
static inline int64_t vit_depthwise_scratch(const int64_t *shape)
{
    return vit_depthwise_batch(shape) * (vit_phases_size(shape) + vit_phase_outputs(shape)) + 2 * VIT_SLACK;
}

/* What depthwise_back takes: one channel of all images. */
struct vit_depthwise_back {
    vit_real *dx;              /* (height, width), set or added to, or NULL */
    double *dw;                /* (kernel, kernel), added to, or NULL */
    const vit_real *dy;        /* (out height, out width) */
    const vit_real *x;         /* (height, width); read where there is dw */
    const vit_real *weight;    /* (kernel, kernel); read where there is dx */
    vit_real *scratch;         /* vit_depthwise_back_scratch(shape) elements */
    const int64_t *shape;      /* kernel <= 7 */
    int64_t images;            /* ... */
    int64_t in_step, out_step; /* elements between these: of x and dx, of dy */
    bool adds;                 /* to dx */
};

/* Zeros before the gradients of a plane: the largest offset of a tap. */
static inline int64_t vit_depthwise_back_lead(const int64_t *shape)
{
    return (shape[VIT_CONV_KERNEL] - 1) / shape[VIT_CONV_STRIDE] * (vit_phase_width(shape) + 1);
}

/* Elements of the gradients of a plane, at the width of a phase. */
static inline int64_t vit_depthwise_back_gradients(const int64_t *shape)
{
    return vit_depthwise_back_lead(shape) + vit_phase_height(shape) * vit_phase_width(shape) + 4 * VIT_SLACK;
}

/* Elements of scratch of one plane: gradients, phases of x, a row of phases of dx. */
static inline int64_t vit_depthwise_back_plane(const int64_t *shape)
{
    return vit_depthwise_back_gradients(shape) + vit_phases_size(shape) +
           vit_phases_size(shape) / shape[VIT_CONV_STRIDE];
}

/* Planes that are padded and worked on together, as in vit_depthwise_batch. */
static inline int64_t vit_depthwise_back_batch(const int64_t *shape)
{
    enum { ELEMENTS = 8192, PLANES = 16 };
    const int64_t planes = ELEMENTS / vit_depthwise_back_plane(shape);
    return planes < 1 ? 1 : planes > PLANES ? PLANES : planes;
}

static inline int64_t vit_depthwise_back_scratch(const int64_t *shape)
{
    return vit_depthwise_back_batch(shape) * vit_depthwise_back_plane(shape) + 2 * VIT_SLACK;
}
