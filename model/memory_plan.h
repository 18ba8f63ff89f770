/* SPDX-License-Identifier: MIT */
/* memory_plan.h - gives tensors of known lifetimes their offsets in one arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct vit_lifetime {
    int first, last;             /* steps, both included; first < 0: never touched, gets no memory */
    int first_again, last_again; /* a second life at the same place; first_again <= last: none */
    size_t bytes;
    size_t offset; /* result */
};

static inline bool vit_lifetime_covers(const struct vit_lifetime *l, int step)
{
    return (l->first >= 0 && step >= l->first && step <= l->last) ||
           (l->first_again > l->last && step >= l->first_again && step <= l->last_again);
}

enum { VIT_ARENA_ALIGNMENT = 64 };

/* Greedy by size, first fit: the largest tensor first, each at the lowest offset that overlaps no placed tensor that is
 * alive at the same time. *total is the size of the arena. VIT_ENOMEM is the only failure. */
int vit_memory_plan(struct vit_lifetime *lifetime, int n, size_t *total);
