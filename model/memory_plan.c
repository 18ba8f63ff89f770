/* SPDX-License-Identifier: MIT */
#include "model/memory_plan.h"

#include "model/base/status.h"

#include <stdbool.h>
#include <stdlib.h>

static bool overlap(int first, int last, int other_first, int other_last)
{
    return first <= other_last && other_first <= last;
}

static bool lives_again(const struct vit_lifetime *l)
{
    return l->first_again > l->last;
}

static bool meet(const struct vit_lifetime *a, const struct vit_lifetime *b)
{
    return overlap(a->first, a->last, b->first, b->last) ||
           (lives_again(a) && overlap(a->first_again, a->last_again, b->first, b->last)) ||
           (lives_again(b) && overlap(a->first, a->last, b->first_again, b->last_again)) ||
           (lives_again(a) && lives_again(b) && overlap(a->first_again, a->last_again, b->first_again, b->last_again));
}

/* Larger first; among equals the earlier, so that the order does not depend on the sort. */
static int by_size(const void *left, const void *right)
{
    const struct vit_lifetime *a = *(struct vit_lifetime *const *)left, *b = *(struct vit_lifetime *const *)right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return (a > b) - (a < b);
}

static int by_offset(const void *left, const void *right)
{
    const struct vit_lifetime *a = *(struct vit_lifetime *const *)left, *b = *(struct vit_lifetime *const *)right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a > b) - (a < b);
}

/* The first gap that is large enough between the placed tensors that live at the same time. */
static size_t first_fit(const struct vit_lifetime *item, struct vit_lifetime *const *placed, int n,
                        struct vit_lifetime **neighbour)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        if (meet(item, placed[i]))
            neighbour[count++] = placed[i];
    qsort(neighbour, (size_t)count, sizeof *neighbour, by_offset);
    size_t offset = 0;
    for (int i = 0; i < count; i++) {
        if (offset + item->bytes <= neighbour[i]->offset)
            break;
        if (offset < neighbour[i]->offset + neighbour[i]->bytes)
            offset = neighbour[i]->offset + neighbour[i]->bytes;
    }
    return offset;
}

int vit_memory_plan(struct vit_lifetime *lifetime, int n, size_t *total)
{
    struct vit_lifetime **order = calloc((size_t)n * 2 + 1, sizeof *order);
    if (!order)
        return vit_fail(VIT_ENOMEM, "out of memory: planning %d tensors", n);
    int count = 0;
    for (int i = 0; i < n; i++) {
        size_t mask = VIT_ARENA_ALIGNMENT - 1;
        lifetime[i].bytes = (lifetime[i].bytes + mask) & ~mask;
        if (lifetime[i].first >= 0)
            order[count++] = &lifetime[i];
    }
    qsort(order, (size_t)count, sizeof *order, by_size);
    *total = 0;
    for (int i = 0; i < count; i++) {
        order[i]->offset = first_fit(order[i], order, i, order + n);
        if (*total < order[i]->offset + order[i]->bytes)
            *total = order[i]->offset + order[i]->bytes;
    }
    free(order);
    return VIT_OK;
}
