/* SPDX-License-Identifier: MIT */
/* cache_geometry.h - the data caches that a model of caches is built after: this machine's, or any that are written as
 * "L1=32K,8 L2=512K,8 L3=32M,16". */
#pragma once

#include "model/access.h"

#include <stdint.h>

enum { VIT_CACHE_LEVELS = 3, VIT_CACHE_TEXT = 96 };

/* bytes / (ways x VIT_LINE_BYTES) sets, any number of them. */
struct vit_cache_level {
    int number; /* 2 for L2 */
    int64_t bytes, ways;
};

/* From the processor outwards; the last is the one before memory. */
struct vit_cache_geometry {
    int n;
    struct vit_cache_level level[VIT_CACHE_LEVELS];
};

/* Levels are separated by blanks, semicolons or slashes; bytes may end in K, M or G; ways "full" is one set. Numbers of
 * levels ascend but need not begin with 1 nor be dense. VIT_EINVAL names the level and what would be right. */
int vit_cache_geometry_parse(struct vit_cache_geometry *geometry, const char *text);

struct vit_machine;

/* The data and unified caches of the machine's first core; VIT_ENOTSUP where they are unknown or have other lines. */
int vit_cache_geometry_of(struct vit_cache_geometry *geometry, const struct vit_machine *machine);

/* Writes "L1=48K,12 L2=1M,16 L3=32M,16" into text and returns it; vit_cache_geometry_parse reads it back. */
const char *vit_cache_geometry_text(const struct vit_cache_geometry *geometry, char text[VIT_CACHE_TEXT]);

static inline int64_t vit_cache_level_sets(const struct vit_cache_level *level)
{
    return level->bytes / (level->ways * VIT_LINE_BYTES);
}

/* The same size in a number of sets that is a power of two, as Callgrind wants it: what is too much goes to the ways.
 */
struct vit_cache_level vit_cache_level_binary(const struct vit_cache_level *level);
