/* SPDX-License-Identifier: MIT */
/* tensor.h - a dense row-major array of vit_real, described first and given memory later (by model/exec.h).
 * A view shares the memory of its base; only contiguous ranges can be views, all else is an operator. */
#pragma once

#include "model/base/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VIT_MAX_DIMS = 6 };

/* Who fills the tensor and how long it lives. */
enum vit_space {
    VIT_SPACE_INPUT,      /* the caller, before a run */
    VIT_SPACE_PARAM,      /* weights: learned */
    VIT_SPACE_BUFFER,     /* weights: running statistics */
    VIT_SPACE_CONSTANT,   /* the graph builder: masks */
    VIT_SPACE_DERIVED,    /* prepare steps: computed once from weights (folded convolutions) */
    VIT_SPACE_ACTIVATION, /* steps: shares the planned arena */
    VIT_SPACE_GRADIENT,   /* backward steps: gradients of parameters, all alive at the end of a run */
    VIT_N_SPACES
};

struct vit_tensor {
    const char *name; /* weights: timm's state_dict name */
    enum vit_space space;
    int id; /* index in graph->tensor */
    int ndim;
    int64_t dim[VIT_MAX_DIMS];
    struct vit_tensor *base;  /* views: the tensor that owns the memory; else NULL */
    int64_t base_offset;      /* views: first element in base */
    struct vit_tensor *grad;  /* d loss / d this, of the same shape; NULL: not wanted (model/gradient.h) */
    const vit_real *constant; /* VIT_SPACE_CONSTANT: the values, owned by the graph */
    size_t offset;            /* set by the plan: bytes into the memory of its space */
    vit_real *data;           /* set by the exec; NULL before */
};

static inline int64_t vit_numel(const struct vit_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++)
        n *= t->dim[i];
    return n;
}

static inline size_t vit_nbytes(const struct vit_tensor *t)
{
    return (size_t)vit_numel(t) * sizeof(vit_real);
}

/* The tensor that owns the memory. */
static inline const struct vit_tensor *vit_owner(const struct vit_tensor *t)
{
    while (t->base)
        t = t->base;
    return t;
}

bool vit_same_shape(const struct vit_tensor *a, const struct vit_tensor *b);

/* Writes "(2, 3, 224, 224)" into text and returns it. */
enum { VIT_SHAPE_TEXT = 160 };
const char *vit_shape_text(const struct vit_tensor *t, char text[VIT_SHAPE_TEXT]);
