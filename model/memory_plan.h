/* SPDX-License-Identifier: MIT */
/* memory_plan.h - gives tensors of known lifetimes their offsets in one arena. */
#pragma once

#include <stddef.h>

struct vit_lifetime {
    int first, last; /* steps, both included; first < 0: never touched, gets no memory */
    size_t bytes;
    size_t offset; /* result */
};

enum { VIT_ARENA_ALIGNMENT = 64 };

/* Greedy by size, first fit: the largest tensor first, each at the lowest offset that overlaps no placed tensor that is
 * alive at the same time. *total is the size of the arena. VIT_ENOMEM is the only failure. */
int vit_memory_plan(struct vit_lifetime *lifetime, int n, size_t *total);
