/* SPDX-License-Identifier: MIT */
#include "probes/cache_ring.h"

#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

#define NO_NODE UINT32_MAX

/* Nodes without a line are the oldest of their set. */
struct vit_ring_node {
    uint32_t line;
    uint32_t older, younger; /* the oldest's older one is the youngest */
    uint32_t chain;          /* next of the same hash */
    bool dirty;
};

static uint32_t *bucket_of(const struct vit_cache_ring *ring, uint32_t line)
{
    return &ring->bucket[line * UINT32_C(2654435769) >> ring->hash_shift];
}

static uint32_t find(const struct vit_cache_ring *ring, uint32_t line)
{
    uint32_t at = *bucket_of(ring, line);
    while (at != NO_NODE && ring->node[at].line != line)
        at = ring->node[at].chain;
    return at;
}

static void forget(struct vit_cache_ring *ring, uint32_t at)
{
    uint32_t *link = bucket_of(ring, ring->node[at].line);
    while (*link != at)
        link = &ring->node[*link].chain;
    *link = ring->node[at].chain;
    ring->node[at].line = VIT_NO_LINE;
}

int vit_cache_ring_open(struct vit_cache_ring *ring, uint32_t sets, uint32_t ways)
{
    const uint32_t n = sets * ways;
    int bits = 1;
    while (bits < 31 && UINT32_C(1) << bits < n)
        bits++;
    const size_t buckets = (size_t)1 << bits;
    *ring = (struct vit_cache_ring){.sets = sets, .ways = ways, .hash_shift = 32 - bits};
    ring->node = calloc(n, sizeof *ring->node);
    ring->youngest = calloc(sets, sizeof *ring->youngest);
    ring->bucket = malloc(buckets * sizeof *ring->bucket);
    if (!ring->node || !ring->youngest || !ring->bucket) {
        vit_cache_ring_close(ring);
        return vit_fail(VIT_ENOMEM, "out of memory: a cache of %u x %u lines", sets, ways);
    }
    memset(ring->bucket, 0xff, buckets * sizeof *ring->bucket);
    for (uint32_t set = 0; set < sets; set++) {
        const uint32_t first = set * ways;
        ring->youngest[set] = first;
        for (uint32_t way = 0; way < ways; way++)
            ring->node[first + way] = (struct vit_ring_node){.line = VIT_NO_LINE,
                                                             .older = first + (way + 1) % ways,
                                                             .younger = first + (way + ways - 1) % ways,
                                                             .chain = NO_NODE};
    }
    return VIT_OK;
}

void vit_cache_ring_close(struct vit_cache_ring *ring)
{
    free(ring->node);
    free(ring->youngest);
    free(ring->bucket);
    *ring = (struct vit_cache_ring){0};
}

static void make_youngest(struct vit_cache_ring *ring, uint32_t set, uint32_t at)
{
    struct vit_ring_node *node = ring->node, *moved = &node[at];
    const uint32_t youngest = ring->youngest[set];
    if (at == youngest)
        return;
    node[moved->older].younger = moved->younger;
    node[moved->younger].older = moved->older;
    moved->older = youngest;
    moved->younger = node[youngest].younger;
    node[moved->younger].older = at;
    node[youngest].younger = at;
    ring->youngest[set] = at;
}

bool vit_cache_ring_touch(struct vit_cache_ring *ring, uint32_t set, uint32_t line, bool write)
{
    const uint32_t at = find(ring, line);
    if (at == NO_NODE)
        return false;
    make_youngest(ring, set, at);
    ring->node[at].dirty |= write;
    return true;
}

uint32_t vit_cache_ring_replace(struct vit_cache_ring *ring, uint32_t set, uint32_t line, bool write)
{
    const uint32_t at = ring->node[ring->youngest[set]].younger; /* the oldest */
    struct vit_ring_node *node = &ring->node[at];
    const uint32_t victim = node->dirty ? node->line : VIT_NO_LINE;
    if (node->line != VIT_NO_LINE)
        forget(ring, at);
    uint32_t *bucket = bucket_of(ring, line);
    node->line = line;
    node->dirty = write;
    node->chain = *bucket;
    *bucket = at;
    ring->youngest[set] = at;
    return victim;
}

bool vit_cache_ring_mark(struct vit_cache_ring *ring, uint32_t line)
{
    const uint32_t at = find(ring, line);
    if (at == NO_NODE)
        return false;
    ring->node[at].dirty = true;
    return true;
}

bool vit_cache_ring_drop(struct vit_cache_ring *ring, uint32_t set, uint32_t *dirty)
{
    const uint32_t at = ring->youngest[set];
    struct vit_ring_node *node = &ring->node[at];
    if (node->line == VIT_NO_LINE)
        return false;
    *dirty = node->dirty ? node->line : VIT_NO_LINE;
    forget(ring, at);
    ring->youngest[set] = node->older;
    return true;
}
