/* SPDX-License-Identifier: MIT */
#include "model/zoo/block_layout.h"

#include <math.h>

int vit_layout_blocks_before(const struct vit_model_config *c, int stage)
{
    int blocks = 0;
    for (int i = 0; i < stage; i++)
        blocks += c->depth[i];
    return blocks;
}

int vit_layout_layers_per_block(const struct vit_model_config *c)
{
    return c->block == VIT_BLOCK_SWIN ? 2 : 2 * c->sandwich + 1;
}

bool vit_layout_usually_attention(const struct vit_model_config *c, int layer_of_block)
{
    return layer_of_block == (c->block == VIT_BLOCK_SWIN ? 0 : c->sandwich);
}

/* a n / L to the nearest whole number, halves up. */
static int64_t rounded(int64_t a, int64_t n, int64_t layers)
{
    return (2 * a * n + layers) / (2 * layers);
}

bool vit_layout_is_attention(const struct vit_model_config *c, int layer)
{
    const int per_block = vit_layout_layers_per_block(c);
    if (c->layers[0])
        return c->layers[layer] == 'A';
    if (c->mhsa_share < 0)
        return vit_layout_usually_attention(c, layer % per_block);
    const int64_t layers = (int64_t)per_block * vit_layout_blocks_before(c, c->stages);
    const int64_t n = llround(c->mhsa_share * (double)layers);
    return rounded(layer + 1, n, layers) != rounded(layer, n, layers);
}

/* ratio * width to the nearest whole number, at least 1. */
static int64_t scaled(double ratio, double width)
{
    const int64_t result = llround(ratio * width);
    return result < 1 ? 1 : result;
}

struct vit_head_widths vit_layout_heads(const struct vit_model_config *c, struct vit_block_place place)
{
    const struct vit_block_widths *own = &c->width[place.block];
    struct vit_head_widths w = {.heads = own->heads ? own->heads : c->heads[place.stage]};
    w.v = own->v_dim ? own->v_dim : (int)scaled(c->v_ratio[place.stage], (double)place.width / w.heads);
    w.qk = own->qk_dim ? own->qk_dim : c->qk_dim[place.stage] ? c->qk_dim[place.stage] : w.v;
    return w;
}

int64_t vit_layout_hidden(const struct vit_model_config *c, struct vit_block_place place, int ffn)
{
    const int own = c->width[place.block].ffn_dim[ffn];
    return own ? own : scaled(c->ffn_ratio[place.stage], (double)place.width);
}

int64_t vit_layout_merge_hidden(const struct vit_model_config *c, int stage, int ffn, int64_t width)
{
    const int own = c->merge_ffn_dim[stage][ffn];
    return own ? own : scaled(c->ffn_ratio[stage], (double)width);
}

double vit_layout_drop_path(const struct vit_model_config *c, int block)
{
    const int last = vit_layout_blocks_before(c, c->stages) - 1;
    return last > 0 ? c->drop_path * block / last : 0;
}
