/* SPDX-License-Identifier: MIT */
/* channel_group.h - what goes together when a channel is removed from a network: slices of parameters, in eager graphs
 * of any family. Groups are what is scored, masked and pruned; the paper's Fig. 5 counts them by block. */
#pragma once

#include "model/graph.h"

#define VIT_GROUP_KIND_LIST(X)                                                                              \
    X(QK, "qk")       /* channel of a head's query and key: rows of both */                                 \
    X(V, "v")         /* channel of a head's value: its row, the column of the projection */                \
    X(FFN, "ffn")     /* hidden channel: row of the first layer with bias and norm, column of the second */ \
    X(HEAD, "head")   /* attention head: all its rows, its columns of the projection */                     \
    X(EMBED, "embed") /* channel of a stage's embedding: rows of all that writes it, columns of all that reads it */

enum vit_group_kind {
#define X(id, text) VIT_GROUP_##id,
    VIT_GROUP_KIND_LIST(X)
#undef X
        VIT_N_GROUP_KINDS
};

const char *vit_group_kind_name(enum vit_group_kind kind);

/* Items start .. start + length of one axis of a parameter. */
struct vit_channel_slice {
    struct vit_tensor *weight;
    int axis;
    int64_t start, length;
    bool cut; /* zeros in the cut slices alone take the channel away, exactly */
};

struct vit_channel_group {
    enum vit_group_kind kind;
    const char *module; /* name of the attention module or FFN, of the graph; "" for an embedding */
    struct vit_site site;
    int place;       /* which one of its kind in the network: attention block, FFN, stage; from 0 */
    int head;        /* QK, V, HEAD; else -1 */
    int64_t channel; /* in its head, FFN or embedding */
    int64_t width;   /* of the embedding there */
    int first, n;    /* slices */
};

struct vit_channel_groups {
    struct vit_channel_group *group;
    int n, capacity;
    struct vit_channel_slice *slice;
    int n_slice, capacity_slice;
};

/* All groups, in a fixed order: graphs of the same network, of other batch or pass, have the same. VIT_ENOTSUP names
 * what of the network has no known parameters (a folded graph). On failure nothing is left to close. */
int vit_channel_groups_find(struct vit_channel_groups *groups, const struct vit_graph *graph);
void vit_channel_groups_close(struct vit_channel_groups *groups);

/* Sets the cut slices of a group to zero, after copying them to `kept` (vit_channel_group_elements); restore puts them
 * back. */
int64_t vit_channel_group_elements(const struct vit_channel_groups *groups, int group);
void vit_channel_group_mask(const struct vit_channel_groups *groups, int group, vit_real *kept);
void vit_channel_group_restore(const struct vit_channel_groups *groups, int group, const vit_real *kept);

/* Walks the elements of a slice: index[i] runs over outer * length * inner. */
struct vit_slice_walk {
    int64_t outer, step, offset, run; /* elements offset + o * step + k, o < outer, k < run */
};
struct vit_slice_walk vit_slice_walk(const struct vit_channel_slice *slice);

/* For those that find groups: adds a group without slices, and slices to the last group. Sticky: VIT_ENOMEM comes out
 * of find. */
int vit_channel_group_add(struct vit_channel_groups *groups, struct vit_channel_group group);
int vit_channel_slice_add(struct vit_channel_groups *groups, struct vit_channel_slice slice);

/* The embedding channels of all stages (channel_embedding.c). */
int vit_channel_groups_find_embedding(struct vit_channel_groups *groups, const struct vit_graph *graph);
