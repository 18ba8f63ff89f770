/* SPDX-License-Identifier: MIT */
/* deit.c - DeiT (Touvron et al. 2021, arXiv 2012.12877): a plain vision transformer, optionally with a distillation
 * token. Tokens: class, (distillation,) patches row by row; pre-norm blocks; the class token's final norm feeds the
 * head, with distillation the logits are the mean of both heads, in training each its own. A block has two layers, each
 * a norm and attention or an FFN: norm1 attn, norm2 mlp; in mixed networks also mlp1 and attn2. */
#include "model/base/status.h"
#include "model/zoo/layers.h"
#include "model/zoo/model.h"

static const struct vit_attr none;
static const double norm_eps = 1e-6;

/* (B, 3, img, img) -> (B, patches + prefix, C) */
static struct vit_tensor *embed(struct vit_graph *g, const struct vit_model_config *c)
{
    int64_t channels = c->embed_dim[0], grid = c->img / c->patch, prefix = c->distilled ? 2 : 1;
    struct vit_tensor *token[3];
    int n = 0;
    token[n++] = vit_layer_param(g, "cls_token", 3, (int64_t[]){1, 1, channels});
    if (c->distilled)
        token[n++] = vit_layer_param(g, "dist_token", 3, (int64_t[]){1, 1, channels});
    struct vit_tensor *position = vit_layer_param(g, "pos_embed", 3, (int64_t[]){1, grid * grid + prefix, channels});
    struct vit_tensor *x = vit_layer_conv(
        g, "patch_embed.proj", g->input,
        (struct vit_conv_shape){.features = (int)channels, .kernel = c->patch, .stride = c->patch, .bias = true});
    if (x)
        x = vit_graph_reshape(g, x, 3, (int64_t[]){x->dim[0], channels, grid * grid});
    x = vit_add_op(g, VIT_OP_permute, "patch_embed.flatten", ((struct vit_attr){.perm = {0, 2, 1}}), x);
    vit_graph_tap(g, "patch_embed", x);
    token[n++] = x;
    x = vit_graph_op(g, VIT_OP_concat, "tokens.concat", (struct vit_attr){.axis = 1}, n, token);
    x = vit_add_op(g, VIT_OP_add, "tokens.add_position", none, x, position);
    vit_graph_tap(g, "tokens", x);
    return vit_layer_dropout(g, "tokens", x, c->drop);
}

struct layer {
    struct vit_block_place place;
    int slot, ffn; /* 0 or 1: first or second of the block; FFNs of the block before it */
    bool attention;
};

/* "attn" and "mlp" where they usually stand. */
static const char *module_of(const struct layer *l)
{
    static const char *const name[2][2] = {{"mlp1", "mlp"}, {"attn", "attn2"}};
    return name[l->attention][l->slot];
}

static struct vit_tensor *layer(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                const struct layer *l)
{
    if (!x)
        return NULL;
    const char *norm = vit_layer_name(g, "blocks.%d.norm%d", l->place.block, l->slot + 1);
    const char *name = vit_layer_name(g, "blocks.%d.%s", l->place.block, module_of(l));
    struct vit_tensor *y = vit_layer_norm_by(g, norm, x, c->norm, norm_eps);
    vit_graph_tap(g, norm, y);
    if (l->attention)
        y = vit_layer_attention(g, name, y, vit_layer_heads(c, l->place));
    else
        y = vit_layer_mlp(g, name, y,
                          (struct vit_mlp){.hidden = vit_layout_hidden(c, l->place, l->ffn),
                                           .act = c->act,
                                           .drop = c->drop,
                                           .tap_fc1 = vit_layer_name(g, "%s.fc1", name)});
    vit_graph_tap(g, name, y);
    return vit_layer_residual(g, name, x, vit_layer_drop_path(g, name, y, vit_layout_drop_path(c, l->place.block)));
}

static struct vit_tensor *block(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x, int index)
{
    struct layer l = {.place = {.block = index, .width = c->embed_dim[0]}};
    g->site = (struct vit_site){.stage = 0, .block = index, .head = -1, .role = VIT_ROLE_NORM};
    for (l.slot = 0; l.slot < 2; l.slot++) {
        l.attention = vit_layout_is_attention(c, 2 * index + l.slot);
        x = layer(g, c, x, &l);
        l.ffn += !l.attention;
    }
    vit_graph_tap(g, vit_layer_name(g, "blocks.%d", index), x);
    return x;
}

/* Logits of a prefix token, or of the mean over the patches: (B, N, C) -> (B, classes) */
static struct vit_tensor *classify(struct vit_graph *g, const struct vit_model_config *c, const char *name,
                                   struct vit_tensor *x, int token)
{
    if (!x)
        return NULL;
    int64_t batch = x->dim[0], channels = x->dim[2];
    if (c->pool == VIT_POOL_MEAN) {
        const int prefix = c->distilled ? 2 : 1;
        x = vit_add_op(g, VIT_OP_slice, vit_layer_name(g, "%s.patches", name),
                       ((struct vit_attr){.axis = 1, .start = prefix, .length = x->dim[1] - prefix}), x);
        x = vit_add_op(g, VIT_OP_reduce_mean, vit_layer_name(g, "%s.mean", name),
                       ((struct vit_attr){.axis = 1, .length = 1}), x);
    } else {
        x = vit_add_op(g, VIT_OP_slice, vit_layer_name(g, "%s.token", name),
                       ((struct vit_attr){.axis = 1, .start = token, .length = 1}), x);
        x = x ? vit_graph_reshape(g, x, 2, (int64_t[]){batch, channels}) : NULL;
    }
    return vit_layer_linear(g, name, x, c->classes, true);
}

static int build(struct vit_graph *g, const struct vit_model_config *c)
{
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_EMBED};
    struct vit_tensor *x = embed(g, c);
    for (int i = 0; i < c->depth[0]; i++)
        x = block(g, c, x, i);
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_HEAD};
    x = vit_layer_norm_by(g, "norm", x, c->norm, norm_eps);
    vit_graph_tap(g, "norm", x);
    g->logits = classify(g, c, "head", x, 0);
    if (c->distilled)
        vit_layer_distill(g, classify(g, c, "head_dist", x, 1));
    return g->status;
}

/* As timm's VisionTransformer: the patch embedding is torch's own, all linears are normal. */
static const struct vit_initial initial[] = {
    {"cls_token", VIT_INITIAL_NORMAL, 1e-6},    {"dist_token", VIT_INITIAL_NORMAL, 0.02},
    {"pos_embed", VIT_INITIAL_NORMAL, 0.02},    {"patch_embed.proj.*", VIT_INITIAL_FAN_IN, 0},
    {"*norm*.weight", VIT_INITIAL_CONSTANT, 1}, {"*.weight", VIT_INITIAL_NORMAL, 0.02},
    {"*.bias", VIT_INITIAL_CONSTANT, 0},        {0},
};

const struct vit_model_family vit_family_deit = {
    .name = "deit",
    .build = build,
    .reference = "arXiv 2012.12877",
    .initial = initial,
};
