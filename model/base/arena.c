/* SPDX-License-Identifier: MIT */
#include "model/base/arena.h"

#include "model/base/status.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct vit_arena_block {
    struct vit_arena_block *older;
    size_t capacity, used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

void *vit_arena_alloc(struct vit_arena *arena, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX - ALIGNMENT) / size) {
        vit_fail(VIT_ENOMEM, "%zu objects of %zu bytes do not fit the address space", count, size);
        return NULL;
    }
    size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct vit_arena_block *block = arena->newest;
    if (!block || block->capacity - block->used < bytes) {
        size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof *block + capacity);
        if (!block) {
            vit_fail(VIT_ENOMEM, "out of memory: %zu bytes of description", capacity);
            return NULL;
        }
        block->capacity = capacity;
        block->older = arena->newest;
        arena->newest = block;
    }
    void *result = block->bytes + block->used;
    block->used += bytes;
    arena->used_bytes += count * size;
    return result;
}

char *vit_arena_print(struct vit_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : vit_arena_alloc(arena, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void vit_arena_close(struct vit_arena *arena)
{
    while (arena->newest) {
        struct vit_arena_block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->used_bytes = 0;
}
