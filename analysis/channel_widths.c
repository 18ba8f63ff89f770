/* SPDX-License-Identifier: MIT */
/* channel_widths.c - the configuration of a network without some of its channels. */
#include "analysis/channel_removal.h"
#include "model/base/status.h"
#include "model/zoo/block_layout.h"

#include <string.h>

struct counting {
    const struct vit_model_def *model;
    const struct vit_channel_groups *groups;
    const bool *removed;
    int attention, ffn; /* places that have been passed */
};

/* Removed groups of a kind at a place; head -1: of any head. */
static int count(const struct counting *c, enum vit_group_kind kind, int place, int head)
{
    int n = 0;
    for (int i = 0; i < c->groups->n; i++) {
        const struct vit_channel_group *g = &c->groups->group[i];
        n += c->removed[i] && g->kind == kind && g->place == place && (head < 0 || g->head == head);
    }
    return n;
}

static bool head_is_gone(const struct counting *c, int place, int head)
{
    return count(c, VIT_GROUP_HEAD, place, head) > 0;
}

/* Channels that each head which stays loses: the same for all of them. */
static int count_of_heads(const struct counting *c, enum vit_group_kind kind, int heads, int *lost)
{
    int first = -1;
    for (int h = 0; h < heads; h++) {
        const int n = count(c, kind, c->attention, h);
        if (head_is_gone(c, c->attention, h))
            continue;
        if (first >= 0 && n != first)
            return vit_fail(VIT_EINVAL, "%s: attention %d: one head would lose %d %s channels, another %d",
                            c->model->name, c->attention, first, vit_group_kind_name(kind), n);
        first = n;
    }
    *lost = first;
    return VIT_OK;
}

static int check_left(const struct counting *c, const char *what, int64_t left)
{
    return left > 0 ? VIT_OK
                    : vit_fail(VIT_EINVAL, "%s: nothing would be left of the %s of attention %d, FFN %d",
                               c->model->name, what, c->attention, c->ffn);
}

static int find_heads(const struct counting *c, struct vit_head_widths *w)
{
    const int heads = w->heads - count(c, VIT_GROUP_HEAD, c->attention, -1);
    int qk, v, status = check_left(c, "heads", heads);
    if (status == VIT_OK)
        status = count_of_heads(c, VIT_GROUP_QK, w->heads, &qk);
    if (status == VIT_OK)
        status = count_of_heads(c, VIT_GROUP_V, w->heads, &v);
    if (status != VIT_OK)
        return status;
    w->heads = heads;
    w->qk -= qk;
    w->v -= v;
    status = check_left(c, "queries", w->qk);
    return status == VIT_OK ? check_left(c, "values", w->v) : status;
}

/* Settings of the block, where its stage's would give other widths. Heads first: other widths follow from them. */
static int set_heads(struct vit_model_config *config, const struct counting *c, struct vit_block_place place)
{
    const struct vit_block_place before = {place.stage, place.block, c->model->config.embed_dim[place.stage]};
    struct vit_head_widths w = vit_layout_heads(&c->model->config, before);
    struct vit_block_widths *own = &config->width[place.block];
    int status = find_heads(c, &w);
    if (status != VIT_OK)
        return status;
    if (vit_layout_heads(config, place).heads != w.heads)
        own->heads = w.heads;
    if (vit_layout_heads(config, place).v != w.v || place.width % w.heads)
        own->v_dim = w.v;
    if (vit_layout_heads(config, place).qk != w.qk)
        own->qk_dim = w.qk;
    return VIT_OK;
}

static int count_hidden(const struct counting *c, int64_t before, int64_t *hidden)
{
    *hidden = before - count(c, VIT_GROUP_FFN, c->ffn, -1);
    return check_left(c, "hidden channels", *hidden);
}

/* All FFNs of a block have their width told, or none: one width alone would be for all. */
static void set_ffns(struct vit_model_config *config, struct vit_block_place place, const int64_t *hidden, int ffns)
{
    int *own = config->width[place.block].ffn_dim;
    bool differs = false;
    for (int i = 0; i < ffns; i++)
        differs |= vit_layout_hidden(config, place, i) != hidden[i];
    for (int i = 0; i < VIT_MAX_BLOCK_LAYERS && differs; i++)
        own[i] = i < ffns ? (int)hidden[i] : 0;
}

static int set_block(struct vit_model_config *config, struct counting *c, struct vit_block_place place)
{
    const struct vit_block_place before = {place.stage, place.block, c->model->config.embed_dim[place.stage]};
    const int layers = vit_layout_layers_per_block(config);
    int64_t hidden[VIT_MAX_BLOCK_LAYERS];
    int ffns = 0, attentions = 0, status = VIT_OK;
    struct vit_block_widths first = {0};
    for (int i = 0; i < layers && status == VIT_OK; i++) {
        if (!vit_layout_is_attention(config, place.block * layers + i)) {
            status = count_hidden(c, vit_layout_hidden(&c->model->config, before, ffns), &hidden[ffns]);
            ffns++;
            c->ffn++;
            continue;
        }
        status = set_heads(config, c, place);
        const struct vit_block_widths *own = &config->width[place.block];
        if (attentions++ == 0)
            first = *own;
        else if (status == VIT_OK &&
                 (own->heads != first.heads || own->qk_dim != first.qk_dim || own->v_dim != first.v_dim))
            status =
                vit_fail(VIT_EINVAL, "%s: both attentions of block %d must lose as much", c->model->name, place.block);
        c->attention++;
    }
    if (status == VIT_OK)
        set_ffns(config, place, hidden, ffns);
    return status;
}

/* The FFNs before and behind the merge to a stage: both told, or none. */
static int set_merge(struct vit_model_config *config, struct counting *c, int stage)
{
    int status = VIT_OK;
    int64_t hidden[2];
    bool differs = false;
    for (int side = 0; side < 2 && status == VIT_OK; side++, c->ffn++) {
        const int64_t width = c->model->config.embed_dim[stage - 1 + side];
        status = count_hidden(c, vit_layout_merge_hidden(&c->model->config, stage, side, width), &hidden[side]);
        differs |= vit_layout_merge_hidden(config, stage, side, config->embed_dim[stage - 1 + side]) != hidden[side];
    }
    for (int side = 0; side < 2 && status == VIT_OK && differs; side++)
        config->merge_ffn_dim[stage][side] = (int)hidden[side];
    return status;
}

int vit_channel_removal_config(struct vit_model_config *config, const struct vit_model_def *model,
                               const struct vit_channel_groups *groups, const bool *removed)
{
    struct counting c = {.model = model, .groups = groups, .removed = removed};
    struct vit_model_config narrow = model->config;
    const bool merges = strcmp(model->family->name, "efficientvit") == 0;
    int status = VIT_OK;
    for (int stage = 0; stage < narrow.stages; stage++)
        narrow.embed_dim[stage] -= count(&c, VIT_GROUP_EMBED, stage, -1);
    for (int stage = 0; stage < narrow.stages && status == VIT_OK; stage++) {
        status = check_left(&c, "embedding", narrow.embed_dim[stage]);
        if (status == VIT_OK && merges && stage > 0)
            status = set_merge(&narrow, &c, stage);
        for (int i = 0; i < narrow.depth[stage] && status == VIT_OK; i++)
            status = set_block(&narrow, &c,
                               (struct vit_block_place){.stage = stage,
                                                        .block = vit_layout_blocks_before(&narrow, stage) + i,
                                                        .width = narrow.embed_dim[stage]});
    }
    if (status == VIT_OK)
        *config = narrow;
    return status;
}
