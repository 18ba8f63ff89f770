/* SPDX-License-Identifier: MIT */
/* selftest_kernels.h - small graphs of one operator each, and the traffic that it must have. */
#pragma once

#include "model/exec.h"

/* Bytes of the one operator when caches are empty before it, and large enough for what it reads again. */
struct vit_known_traffic {
    int64_t read, written; /* compulsory: each input once, each output once */
    int64_t fill;          /* lines brought in, those that are only overwritten too */
    int64_t wb;            /* dirty lines written back in the end */
    int64_t pages;         /* pages touched, in bytes */
};

struct vit_selftest_kernel {
    const char *name, *help;
    /* Adds the operator to an empty graph; bytes: of all its tensors together, about. */
    void (*build)(struct vit_graph *graph, int64_t bytes);
    bool fits_cache; /* small: what it reads again must not have left the caches */
};

extern const struct vit_selftest_kernel vit_selftest_kernels[];
extern const int vit_n_selftest_kernels;

/* The traffic of the plan's only step; page_bytes: of the pages that memory is counted in. */
struct vit_known_traffic vit_known_traffic_of(const struct vit_step *step, int64_t page_bytes);
