/* SPDX-License-Identifier: MIT */
/* block_layout.h - what a configuration makes of a network: which layers its blocks have, and how wide they are.
 * A block is a row of layers, attention (A) or FFN (F): of DeiT, Swin and block=swin AF, of a sandwich F..FAF..F.
 * Layers and blocks are numbered over the whole network. */
#pragma once

#include "model/zoo/config.h"

#include <stdint.h>

/* A block's place, and the width of what it works on. */
struct vit_block_place {
    int stage, block; /* block: of the whole network */
    int64_t width;
};

struct vit_head_widths {
    int heads;
    int qk, v; /* of one head */
};

/* Blocks before a stage; before stage c->stages: of the network. */
int vit_layout_blocks_before(const struct vit_model_config *c, int stage);

int vit_layout_layers_per_block(const struct vit_model_config *c);

/* Whether attention stands here where nothing is said about layers. */
bool vit_layout_usually_attention(const struct vit_model_config *c, int layer_of_block);

/* Whether layer i of the network is attention. With a share p of L layers, n = p L to the nearest whole number are,
 * evenly spread: layer i is one when (i + 1) n / L and i n / L differ after rounding (halves up). At a model's own
 * share this gives its own order: AFAF..., FAFFAF.... */
bool vit_layout_is_attention(const struct vit_model_config *c, int layer);

struct vit_head_widths vit_layout_heads(const struct vit_model_config *c, struct vit_block_place place);

/* Hidden width of FFN `ffn` of the block. */
int64_t vit_layout_hidden(const struct vit_model_config *c, struct vit_block_place place, int ffn);

/* The same of the FFN before (0) or after (1) the merge to `stage`, of the width given. */
int64_t vit_layout_merge_hidden(const struct vit_model_config *c, int stage, int ffn, int64_t width);

/* Rate of stochastic depth of a block: from 0 at the first to drop_path at the last, as timm's. */
double vit_layout_drop_path(const struct vit_model_config *c, int block);
