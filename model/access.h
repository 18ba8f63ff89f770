/* SPDX-License-Identifier: MIT */
/* access.h - the memory that a kernel touches, in the order in which one thread touches it: what cache models are fed.
 * Every kernel that is written brings a `stream` (model/op.h) beside its `forward`. A stream names addresses and reads
 * no data, so it runs on a plan with memory, before or after the weights are loaded.
 *
 * Grain: a stream may merge accesses of the same cache line that no more than a handful of other lines separate (a
 * vector loop over two arrays becomes alternating chunks of 64 bytes), since any cache keeps such a line. It may not
 * reorder beyond that, drop repeated sweeps, or name bytes that the kernel does not touch. Stacks, constants and code
 * are left out. Prefetches are no accesses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VIT_LINE_BYTES = 64, VIT_ACCESS_SPANS = 2048 };

/* bytes from address on, in ascending order; a write of bytes that were not read before it fetches their lines too. */
struct vit_span {
    uintptr_t address;
    uint32_t bytes;
    bool write;
};

/* Spans gather in a buffer that drain() consumes whenever it is full; the owner drains the rest. */
struct vit_access {
    void (*drain)(struct vit_access *access); /* consumes span[0 .. n) */
    int n;
    struct vit_span span[VIT_ACCESS_SPANS];
};

static inline void vit_access_drain(struct vit_access *access)
{
    if (access->n > 0)
        access->drain(access);
    access->n = 0;
}

static inline void vit_access_add(struct vit_access *access, const void *address, size_t bytes, bool write)
{
    enum { MOST = 1 << 30 };
    uintptr_t at = (uintptr_t)address;
    while (bytes > 0) {
        uint32_t part = bytes < MOST ? (uint32_t)bytes : (uint32_t)MOST;
        if (access->n == VIT_ACCESS_SPANS)
            vit_access_drain(access);
        access->span[access->n++] = (struct vit_span){at, part, write};
        at += part;
        bytes -= part;
    }
}

static inline void vit_access_read(struct vit_access *access, const void *address, size_t bytes)
{
    vit_access_add(access, address, bytes, false);
}

static inline void vit_access_write(struct vit_access *access, const void *address, size_t bytes)
{
    vit_access_add(access, address, bytes, true);
}

/* A loop that goes through arrays side by side: read each, then write y, one line's worth at a time. Arrays that are
 * NULL are left out; y may be one of the inputs. */
struct vit_zip {
    const void *y, *a, *b, *c;
    size_t bytes; /* of each */
};
void vit_access_zip(struct vit_access *access, const struct vit_zip *zip);
