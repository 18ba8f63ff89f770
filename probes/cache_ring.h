/* SPDX-License-Identifier: MIT */
/* cache_ring.h - least recently used lines of sets of any size: each set is a ring of nodes from youngest to oldest,
 * and a hash table finds a line's node. For sets too large to be searched (probes/cache_model.c has faster small ones).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* No line has this number. */
#define VIT_NO_LINE UINT32_MAX

struct vit_cache_ring {
    uint32_t sets, ways;
    struct vit_ring_node *node; /* (sets, ways) */
    uint32_t *youngest;         /* (sets) */
    uint32_t *bucket;           /* (1 << (32 - hash_shift)) first node of each hash */
    int hash_shift;
};

/* All sets empty; sets x ways < 2^31. On failure nothing is left to close. */
int vit_cache_ring_open(struct vit_cache_ring *ring, uint32_t sets, uint32_t ways);
void vit_cache_ring_close(struct vit_cache_ring *ring);

/* If the line is there: makes it the youngest of its set, dirty on a write. */
bool vit_cache_ring_touch(struct vit_cache_ring *ring, uint32_t set, uint32_t line, bool write);

/* Puts a line that is not there in the place of the oldest of the set, which is returned if it was dirty, else
 * VIT_NO_LINE. */
uint32_t vit_cache_ring_replace(struct vit_cache_ring *ring, uint32_t set, uint32_t line, bool write);

/* If the line is there: makes it dirty, no younger. */
bool vit_cache_ring_mark(struct vit_cache_ring *ring, uint32_t line);

/* Drops one line of the set; false if there is none. *dirty: the line if it was dirty, else VIT_NO_LINE. */
bool vit_cache_ring_drop(struct vit_cache_ring *ring, uint32_t set, uint32_t *dirty);
