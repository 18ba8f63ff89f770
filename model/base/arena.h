/* SPDX-License-Identifier: MIT */
/* arena.h - bump allocator for descriptions (graph, plan): objects of one lifetime, freed together.
 * Memory is zeroed, aligned to 16 bytes, and never moves. */
#pragma once

#include <stddef.h>

struct vit_arena_block;

struct vit_arena {
    struct vit_arena_block *newest;
    size_t used_bytes; /* handed out, without padding */
};

/* NULL when out of memory (the message is recorded). A zeroed struct vit_arena is an empty arena. */
void *vit_arena_alloc(struct vit_arena *arena, size_t count, size_t size);

/* A copy of printf-formatted text that lives as long as the arena. */
char *vit_arena_print(struct vit_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

void vit_arena_close(struct vit_arena *arena);
