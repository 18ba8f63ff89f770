/* SPDX-License-Identifier: MIT */
#include "analysis/prune_units.h"

#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

/* A group where it competes: rows of one layer (heads; or attentions of a block) are ranked apart. */
struct entry {
    enum vit_group_kind kind;
    int stage, block, place, row, group;
    double score;
    int rank; /* in its row, from 0 */
};

static int by_layer(const struct entry *a, const struct entry *b)
{
    const int left[] = {(int)a->kind, a->stage, a->block, a->place};
    const int right[] = {(int)b->kind, b->stage, b->block, b->place};
    for (int i = 0; i < 4; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static int by_row(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    const int layer = by_layer(a, b);
    if (layer)
        return layer;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return (a->group > b->group) - (a->group < b->group);
}

static int by_rank(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    const int layer = by_layer(a, b);
    if (layer)
        return layer;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

enum { MOST_HEADS = 1 << 16 };

static struct entry entry_of(const struct vit_channel_group *g, int group, double score)
{
    const bool attends = g->kind == VIT_GROUP_QK || g->kind == VIT_GROUP_V || g->kind == VIT_GROUP_HEAD;
    struct entry e = {.kind = g->kind, .stage = g->site.stage, .block = g->site.block, .group = group, .score = score};
    e.place = attends ? 0 : g->place;
    if (attends)
        e.row = g->place * MOST_HEADS + (g->kind == VIT_GROUP_HEAD ? 0 : g->head);
    return e;
}

/* Ranks within rows; entries that are the last of their row have rank -1: they stay. */
static void rank(struct entry *entry, int n)
{
    qsort(entry, (size_t)n, sizeof *entry, by_row);
    for (int i = 0, start = 0; i < n; i++) {
        if (by_layer(&entry[i], &entry[start]) || entry[i].row != entry[start].row)
            start = i;
        const bool last = i + 1 == n || by_layer(&entry[i], &entry[i + 1]) || entry[i].row != entry[i + 1].row;
        entry[i].rank = last ? -1 : i - start;
    }
    qsort(entry, (size_t)n, sizeof *entry, by_rank);
}

/* Entries of the same layer and rank are a unit. */
static void gather(struct vit_prune_units *units, const struct entry *entry, int n)
{
    int members = 0;
    for (int i = 0; i < n; i++) {
        const struct entry *e = &entry[i];
        if (e->rank < 0)
            continue;
        if (i == 0 || by_layer(e, e - 1) || e->rank != e[-1].rank)
            units->unit[units->n++] = (struct vit_prune_unit){
                .kind = e->kind, .stage = e->stage, .block = e->block, .place = e->place, .first = members};
        struct vit_prune_unit *unit = &units->unit[units->n - 1];
        units->member[members++] = e->group;
        unit->n++;
        unit->score += e->score;
    }
}

int vit_prune_units_open(struct vit_prune_units *units, const struct vit_channel_groups *groups, const double *score,
                         unsigned kinds)
{
    const size_t most = (size_t)groups->n;
    struct entry *entry = calloc(most, sizeof *entry);
    int n = 0;
    *units = (struct vit_prune_units){.unit = calloc(most, sizeof *units->unit),
                                      .member = calloc(most, sizeof *units->member)};
    if (!entry || !units->unit || !units->member) {
        free(entry);
        vit_prune_units_close(units);
        return vit_fail(VIT_ENOMEM, "out of memory: order of %d groups", groups->n);
    }
    for (int i = 0; i < groups->n; i++)
        if (kinds & 1U << groups->group[i].kind)
            entry[n++] = entry_of(&groups->group[i], i, score[i]);
    rank(entry, n);
    gather(units, entry, n);
    free(entry);
    return VIT_OK;
}

void vit_prune_units_close(struct vit_prune_units *units)
{
    free(units->unit);
    free(units->member);
    *units = (struct vit_prune_units){0};
}

/* Units of a layer stand in the order of their scores, so ties by their first member's place keep it. */
static int by_score(const void *left, const void *right)
{
    const struct vit_prune_unit *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

void vit_prune_units_sort(struct vit_prune_units *units)
{
    qsort(units->unit, (size_t)units->n, sizeof *units->unit, by_score);
}

void vit_prune_units_mark(const struct vit_prune_units *units, int n, const struct vit_channel_groups *groups,
                          bool *removed)
{
    memset(removed, false, (size_t)groups->n * sizeof *removed);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < units->unit[i].n; k++)
            removed[units->member[units->unit[i].first + k]] = true;
}
