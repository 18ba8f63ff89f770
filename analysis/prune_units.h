/* SPDX-License-Identifier: MIT */
/* prune_units.h - what pruning takes away at once, and in which order. All heads of a block are equally wide, so one
 * unit of queries and keys, or of values, is a channel of every head of a block, the r-th least important of each; a
 * unit of an FFN or embedding is one channel, of heads one head. Of everything one is kept. */
#pragma once

#include "analysis/channel_group.h"

struct vit_prune_unit {
    enum vit_group_kind kind;
    int stage, block, place; /* place: of FFNs and embeddings, which blocks may have more of; else 0 */
    int first, n;            /* groups: member[first .. first + n) */
    double score;            /* sum over its groups, by what it costs where that is asked for */
};

struct vit_prune_units {
    struct vit_prune_unit *unit;
    int n;
    int *member; /* indices of groups */
};

/* score (groups): of each group. kinds: bits 1 << kind of those that may go. Units of the same layer come in the order
 * of their scores; vit_prune_units_sort makes that an order of all. On failure nothing is left to close. */
int vit_prune_units_open(struct vit_prune_units *units, const struct vit_channel_groups *groups, const double *score,
                         unsigned kinds);
void vit_prune_units_close(struct vit_prune_units *units);

/* Least score first; a layer's units keep their order. */
void vit_prune_units_sort(struct vit_prune_units *units);

/* removed (groups): those of the first n units. */
void vit_prune_units_mark(const struct vit_prune_units *units, int n, const struct vit_channel_groups *groups,
                          bool *removed);
