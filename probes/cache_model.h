/* SPDX-License-Identifier: MIT */
/* cache_model.h - a hierarchy of caches in memory, fed with the lines that a kernel touches (model/access.h).
 *
 * Set-associative, true LRU, write-allocate, write-back, lines of 64 bytes, no prefetch. A line goes to set (line
 * number modulo sets), which is exact for virtual addresses. The next level is looked up only when a level misses, as
 * Callgrind does it, and fills all levels that missed; levels neither include nor exclude one another. What a write
 * makes dirty is the line in the first level. A dirty line that is evicted marks its copy in the next level, whose age
 * stays, or goes on to the level after it where there is none, and from the last level to memory; it leaves before its
 * successor is looked up. */
#pragma once

#include "probes/cache_geometry.h"

struct vit_cache_counts {
    int64_t read_misses, write_misses; /* lines fetched into this level, by what the kernel wanted */
    int64_t write_backs;               /* dirty lines that left it for the next level, or passed by on the way there */
};

struct vit_cache_model;

/* Caches empty, counters zero. On failure nothing is left to close. */
int vit_cache_model_open(struct vit_cache_model **result, const struct vit_cache_geometry *geometry);
void vit_cache_model_close(struct vit_cache_model *model);

/* Where kernels put what they touch. */
struct vit_access *vit_cache_model_access(struct vit_cache_model *model);

/* Of each level, over all that was put in since the last zero. VIT_ENOTSUP if addresses were too far apart. */
int vit_cache_model_count(struct vit_cache_model *model, struct vit_cache_counts count[VIT_CACHE_LEVELS]);

/* Counters only; the caches keep their lines. */
void vit_cache_model_zero(struct vit_cache_model *model);

/* Drops all lines; those that are dirty are written back, and counted, first. */
void vit_cache_model_empty(struct vit_cache_model *model);
