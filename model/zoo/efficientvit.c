/* SPDX-License-Identifier: MIT */
/* efficientvit.c - EfficientViT (Liu et al. 2023, arXiv 2305.07027): sandwich blocks around cascaded group attention.
 * Maps are (B, C, H, W); every convolution is followed by a norm. A block is dw0, ffn0, mixer, dw1, ffn1, all residual;
 * of more FFNs a side dw0, ffn0, dw0_1, ffn0_1 ...; of block=swin mixer, ffn1. What stands in another's place in mixed
 * networks has its place's ending: mixer0 where ffn0 was, ffn where the mixer was. */
#include "model/base/status.h"
#include "model/zoo/group_attention.h"
#include "model/zoo/model.h"

static const double norm_eps = 1e-5;

/* x + drop_path(branch) at the end of module NAME. */
static struct vit_tensor *residual(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                                   struct vit_tensor *const term[2])
{
    struct vit_tensor *branch = vit_layer_drop_path(g, name, term[1], c->drop_path);
    struct vit_tensor *x = vit_layer_residual(g, name, term[0], branch);
    vit_graph_tap(g, name, x);
    return x;
}

/* Token interaction: x + depthwise 3x3. */
static struct vit_tensor *token_mix(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                                    struct vit_tensor *x)
{
    if (!c->token_interaction)
        return x;
    enum vit_role before = vit_layer_role(g, VIT_ROLE_TOKEN_MIX);
    struct vit_tensor *y =
        vit_layer_conv_norm(g, vit_layer_name(g, "%s.m", name), x, vit_conv_depthwise(3, 1), c->norm);
    x = residual(g, c, name, (struct vit_tensor *[]){x, y});
    vit_layer_role(g, before);
    return x;
}

/* x + pw2(act(pw1(x))). */
static struct vit_tensor *ffn(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                              struct vit_tensor *x, int64_t hidden)
{
    if (!x)
        return NULL;
    enum vit_role before = vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    const char *expand = vit_layer_name(g, "%s.m.pw1", name);
    struct vit_tensor *y = vit_layer_conv_norm(g, expand, x, vit_conv_pointwise(hidden), c->norm);
    y = vit_layer_act(g, expand, y, c->act);
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    y = vit_layer_conv_norm(g, vit_layer_name(g, "%s.m.pw2", name), y, vit_conv_pointwise(x->dim[1]), c->norm);
    x = residual(g, c, name, (struct vit_tensor *[]){x, y});
    vit_layer_role(g, before);
    return x;
}

/* x + attention. */
static struct vit_tensor *mixer(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                                struct vit_tensor *x, struct vit_block_place place)
{
    enum vit_role before = g->site.role;
    struct vit_tensor *y = vit_group_attention(g, vit_layer_name(g, "%s.m.attn", name), x, c, place);
    vit_graph_tap(g, vit_layer_name(g, "%s.m", name), y);
    x = residual(g, c, name, (struct vit_tensor *[]){x, y});
    vit_layer_role(g, before);
    return x;
}

/* Where a layer stands in its block: "0" before the mixer, "" in its place, "1" behind it; "0_1" is the second of "0".
 */
static const char *ending(struct vit_graph *g, const struct vit_model_config *c, int slot)
{
    const int before = c->block == VIT_BLOCK_SWIN ? 0 : c->sandwich, side = slot > before;
    const int place = side ? slot - before - 1 : slot;
    if (slot == before)
        return "";
    return place ? vit_layer_name(g, "%d_%d", side, place) : vit_layer_name(g, "%d", side);
}

static struct vit_tensor *block(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x, int stage,
                                int index)
{
    const char *name = vit_layer_name(g, "stages.%d.blocks.%d", stage, index);
    const int number = vit_layout_blocks_before(c, stage) + index, layers = vit_layout_layers_per_block(c);
    const struct vit_block_place place = {.stage = stage, .block = number, .width = c->embed_dim[stage]};
    g->site = (struct vit_site){.stage = stage, .block = index, .head = -1, .role = VIT_ROLE_NONE};
    for (int slot = 0, n_ffn = 0; slot < layers; slot++) {
        const char *end = ending(g, c, slot);
        if (vit_layout_is_attention(c, number * layers + slot)) {
            x = mixer(g, c, vit_layer_name(g, "%s.mixer%s", name, end), x, place);
            continue;
        }
        if (c->block == VIT_BLOCK_SANDWICH)
            x = token_mix(g, c, vit_layer_name(g, "%s.dw%s", name, end), x);
        x = ffn(g, c, vit_layer_name(g, "%s.ffn%s", name, end), x, vit_layout_hidden(c, place, n_ffn++));
    }
    return x;
}

/* Token mix and FFN before (0) or behind (1) the merge to a stage. */
static struct vit_tensor *around_merge(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                       int stage, int side)
{
    if (!x)
        return NULL;
    const char *name = vit_layer_name(g, "stages.%d.downsample.res%d", stage, side + 1);
    x = token_mix(g, c, vit_layer_name(g, "%s.0", name), x);
    return x ? ffn(g, c, vit_layer_name(g, "%s.1", name), x, vit_layout_merge_hidden(c, stage, side, x->dim[1])) : NULL;
}

/* Between stages: token mix and FFN, merge to half the side, token mix and FFN. */
static struct vit_tensor *downsample(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                     int stage)
{
    const char *merge = vit_layer_name(g, "stages.%d.downsample.patchmerge", stage);
    const char *conv1 = vit_layer_name(g, "%s.conv1", merge), *conv2 = vit_layer_name(g, "%s.conv2", merge);
    g->site = (struct vit_site){.stage = stage, .block = -1, .head = -1, .role = VIT_ROLE_MERGE};
    x = around_merge(g, c, x, stage, 0);
    x = vit_layer_conv_norm(g, conv1, x, vit_conv_pointwise(4 * (int64_t)c->embed_dim[stage - 1]), c->norm);
    vit_graph_tap(g, conv1, x);
    x = vit_layer_act(g, conv1, x, c->act);
    x = vit_layer_conv_norm(g, conv2, x, vit_conv_depthwise(3, 2), c->norm);
    vit_graph_tap(g, conv2, x);
    x = vit_layer_act(g, conv2, x, c->act);
    x = vit_layer_squeeze_excite(g, vit_layer_name(g, "%s.se", merge), x,
                                 (struct vit_squeeze){.reduce = "fc1",
                                                      .expand = "fc2",
                                                      .hidden = x ? vit_layer_divisible((double)x->dim[1] / 4) : 0,
                                                      .act = VIT_OP_relu,
                                                      .gate = VIT_OP_sigmoid});
    x = vit_layer_conv_norm(g, vit_layer_name(g, "%s.conv3", merge), x, vit_conv_pointwise(c->embed_dim[stage]),
                            c->norm);
    vit_graph_tap(g, merge, x);
    return around_merge(g, c, x, stage, 1);
}

/* A 3x3 convolution of stride 2 for every halving of the patch: four with widths C/8, C/4, C/2, C for 16 pixels. */
static struct vit_tensor *patch_embed(struct vit_graph *g, const struct vit_model_config *c)
{
    struct vit_tensor *x = g->input;
    int convolutions = 0;
    while (c->patch >> convolutions > 1)
        convolutions++;
    for (int i = 1; i <= convolutions; i++) {
        const char *name = vit_layer_name(g, "patch_embed.conv%d", i);
        const struct vit_conv_shape shape = {
            .features = c->embed_dim[0] >> (convolutions - i), .kernel = 3, .stride = 2, .pad = 1};
        x = vit_layer_conv_norm(g, name, x, shape, c->norm);
        vit_graph_tap(g, i == convolutions ? "patch_embed" : name, x);
        if (i < convolutions)
            x = vit_layer_act(g, name, x, c->act);
    }
    return x;
}

/* Norm, dropout and linear on the pooled features. */
static struct vit_tensor *classify(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                                   struct vit_tensor *x)
{
    const char *norm = vit_layer_name(g, c->norm == VIT_NORM_BATCH ? "%s.bn" : "%s.ln", name);
    x = vit_layer_norm_by(g, norm, x, c->norm, norm_eps);
    vit_graph_tap(g, norm, x);
    x = vit_layer_dropout(g, norm, x, c->drop);
    return vit_layer_linear(g, vit_layer_name(g, "%s.linear", name), x, c->classes, true);
}

static int build(struct vit_graph *g, const struct vit_model_config *c)
{
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_EMBED};
    struct vit_tensor *x = patch_embed(g, c);
    for (int stage = 0; stage < c->stages; stage++) {
        if (stage > 0)
            x = downsample(g, c, x, stage);
        for (int i = 0; i < c->depth[stage]; i++)
            x = block(g, c, x, stage, i);
    }
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_HEAD};
    x = vit_add_op(g, VIT_OP_reduce_mean, "global_pool", ((struct vit_attr){.axis = 2, .length = 2}), x);
    vit_graph_tap(g, "global_pool", x);
    g->logits = classify(g, c, "head", x);
    if (c->distilled)
        vit_layer_distill(g, classify(g, c, "head_dist", x));
    return g->status;
}

/* As timm's EfficientVitMsra: what ends a residual branch begins as zero. Names that no row fits before the last two:
 * convolutions, and the squeeze-excitation's biases. */
static const struct vit_initial initial[] = {
    {"*.dw*.m.[bl]n.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.pw2.[bl]n.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.proj.1.[bl]n.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.[bl]n.weight", VIT_INITIAL_CONSTANT, 1},
    {"*.[bl]n.bias", VIT_INITIAL_CONSTANT, 0},
    {"*.attention_biases", VIT_INITIAL_CONSTANT, 0},
    {"head*.linear.weight", VIT_INITIAL_NORMAL, 0.02},
    {"head*.linear.bias", VIT_INITIAL_CONSTANT, 0},
    {"*.weight", VIT_INITIAL_FAN_IN, 0},
    {"*.bias", VIT_INITIAL_FAN_IN, 0},
    {0},
};

const struct vit_model_family vit_family_efficientvit = {
    .name = "efficientvit",
    .build = build,
    .reference = "arXiv 2305.07027",
    .initial = initial,
};
