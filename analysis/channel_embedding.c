/* SPDX-License-Identifier: MIT */
/* channel_embedding.c - the channels of a stage's embedding with everything tied to them, in networks whose residual
 * stream is read through layer norms (DeiT, Swin): rows of what writes it, columns of what reads it, and the norms,
 * whose weights and biases are the cut. The statistics of a norm still see a channel that is cut there. Other networks
 * have no such groups. */
#include "analysis/channel_group.h"
#include "model/base/status.h"

#include <string.h>

/* The channel at work. */
struct embedding {
    struct vit_channel_groups *groups;
    int stage, last;
    int64_t width, channel;
    int status;
};

static void add(struct embedding *e, const struct vit_tensor *weight, int axis, int64_t start, bool cut)
{
    if (e->status != VIT_OK || !weight)
        return;
    struct vit_tensor *owner = (struct vit_tensor *)(uintptr_t)vit_owner(weight); /* of joint projections */
    for (int i = e->groups->group[e->groups->n - 1].first; i < e->groups->n_slice; i++)
        if (e->groups->slice[i].weight == owner && e->groups->slice[i].start == start)
            return; /* two operators read parts of it */
    e->status = vit_channel_slice_add(e->groups, (struct vit_channel_slice){owner, axis, start, 1, cut});
}

static void add_bias(struct embedding *e, const struct vit_op *op)
{
    add(e, op->n_in > 2 ? op->in[2] : NULL, 0, e->channel, false);
}

/* A norm of the stream, or of four neighbours of it before they are merged. */
static void add_norm(struct embedding *e, const struct vit_op *op, int stage)
{
    const int64_t channels = op->in[1]->dim[0];
    const bool writes = op->site.role == VIT_ROLE_EMBED; /* the patches' own norm */
    if (stage != e->stage)
        return;
    for (int64_t start = e->channel; start < channels; start += e->width) {
        add(e, op->in[1], 0, start, !writes);
        add(e, op->in[2], 0, start, !writes);
    }
}

static void add_layer(struct embedding *e, const struct vit_op *op)
{
    const enum vit_role role = op->site.role;
    const int stage = role == VIT_ROLE_EMBED ? 0 : role == VIT_ROLE_HEAD ? e->last : op->site.stage;
    const bool merge = role == VIT_ROLE_MERGE;
    const bool reads = role == VIT_ROLE_QKV || role == VIT_ROLE_FFN_EXPAND || role == VIT_ROLE_HEAD || merge;
    const bool writes = role == VIT_ROLE_PROJ || role == VIT_ROLE_FFN_PROJECT || role == VIT_ROLE_EMBED || merge;
    if (reads && stage - merge == e->stage)
        for (int64_t start = e->channel; start < op->in[1]->dim[1]; start += e->width)
            add(e, op->in[1], 1, start, false);
    if (writes && stage == e->stage) {
        add(e, op->in[1], 0, e->channel, false);
        add_bias(e, op);
    }
}

/* Tokens and positions are parameters (1, N, C) that are added to the stream or stand in it. */
static void add_tokens(struct embedding *e, const struct vit_op *op)
{
    for (int i = 0; i < op->n_in; i++)
        if (e->stage == 0 && op->in[i]->space == VIT_SPACE_PARAM && op->in[i]->ndim == 3 &&
            op->in[i]->dim[2] == e->width)
            add(e, op->in[i], 2, e->channel, false);
}

static void add_channel(struct embedding *e, const struct vit_graph *graph)
{
    e->status = vit_channel_group_add(e->groups,
                                      (struct vit_channel_group){.kind = VIT_GROUP_EMBED,
                                                                 .module = "",
                                                                 .site = {.stage = e->stage, .block = -1, .head = -1},
                                                                 .place = e->stage,
                                                                 .head = -1,
                                                                 .channel = e->channel,
                                                                 .width = e->width});
    for (int i = 0; i < graph->n_op && e->status == VIT_OK; i++) {
        const struct vit_op *op = graph->op[i];
        if (op->kind == VIT_OP_layer_norm)
            add_norm(e, op,
                     op->site.role == VIT_ROLE_EMBED   ? 0
                     : op->site.role == VIT_ROLE_HEAD  ? e->last
                     : op->site.role == VIT_ROLE_MERGE ? op->site.stage - 1
                                                       : op->site.stage);
        else if (op->kind == VIT_OP_linear || op->kind == VIT_OP_conv2d)
            add_layer(e, op);
        else if (op->site.role == VIT_ROLE_EMBED)
            add_tokens(e, op);
    }
}

/* Width of the stream of a stage: what its blocks project to; 0: heads or hidden channels see slices of it, or its
 * norms are of another kind. */
static int64_t width_of(const struct vit_graph *graph, int stage)
{
    int64_t width = 0;
    for (int i = 0; i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        if (op->kind == VIT_OP_batch_norm)
            return 0;
        if (op->site.stage == stage && op->kind == VIT_OP_linear && op->site.role == VIT_ROLE_FFN_PROJECT)
            width = op->in[1]->dim[0];
        if (op->site.stage == stage && op->site.role == VIT_ROLE_QKV &&
            (op->kind == VIT_OP_matmul || (op->kind == VIT_OP_linear && width && op->in[1]->dim[1] != width)))
            return 0;
    }
    return width;
}

int vit_channel_groups_find_embedding(struct vit_channel_groups *groups, const struct vit_graph *graph)
{
    struct embedding e = {.groups = groups};
    for (int i = 0; i < graph->n_op; i++)
        e.last = graph->op[i]->site.stage > e.last ? graph->op[i]->site.stage : e.last;
    for (e.stage = 0; e.stage <= e.last && e.status == VIT_OK; e.stage++) {
        e.width = width_of(graph, e.stage);
        for (e.channel = 0; e.channel < e.width && e.status == VIT_OK; e.channel++)
            add_channel(&e, graph);
    }
    return e.status;
}
