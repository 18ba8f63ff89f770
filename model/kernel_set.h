/* SPDX-License-Identifier: MIT */
/* kernel_set.h - vector kernels over plain arrays, compiled for several instruction sets (model/kernels/) and chosen
 * once for the processor that runs them. Operators call `vit_kernels()->softmax_rows(...)`. */
#pragma once

#include "model/base/real.h"

#include <stdint.h>

/* Elements that fma_peak may touch: 12 registers of the widest kind. */
enum { VIT_FMA_ROOM = 12 * 64 / (int)sizeof(vit_real) };

struct vit_access;    /* model/access.h */
struct vit_channel;   /* model/kernels/channel.h */
struct vit_depthwise; /* model/kernels/conv_shape.h */
struct vit_depthwise_back;
struct vit_layer_norm;    /* model/kernels/layer_norm.h */
struct vit_panel_product; /* model/kernels/panel.h */
struct vit_phases;        /* model/kernels/phases.h */

struct vit_kernel_set {
    const char *isa; /* "generic", "v3" (AVX2, FMA), "v4" (AVX-512) */
    int lanes;       /* numbers in a vector */
#define VIT_KERNEL(name, parameters) void(*name) parameters;
#include "model/kernels/kernels.def"
#undef VIT_KERNEL
};

/* The best set that this processor runs, or the one chosen. */
const struct vit_kernel_set *vit_kernels(void);

/* Takes the set of this name from now on; not while kernels run. VIT_EINVAL lists those that this processor runs. */
int vit_kernels_choose(const char *isa);

/* All sets of this build that this processor runs, best first; ends with NULL. For tests and benchmarks. */
const struct vit_kernel_set *const *vit_kernel_sets(void);
