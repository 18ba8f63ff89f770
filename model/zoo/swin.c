/* SPDX-License-Identifier: MIT */
/* swin.c - Swin Transformer (Liu et al. 2021, arXiv 2103.14030): attention in windows, every second block on a map
 * rolled by half a window with a mask between its regions; maps are (B, H, W, C). Maps that windows do not divide are
 * padded with zeros after the roll and cropped before it is undone; a map that one window covers has no shift. A block
 * has two layers, each a norm and attention or an FFN: norm1 attn, norm2 mlp; in mixed networks also mlp1 and attn2,
 * and every second attention of a stage is shifted. */
#include "model/base/status.h"
#include "model/zoo/layers.h"
#include "model/zoo/model.h"

static const double norm_eps = 1e-5;
static const double mask_value = -100; /* added, not minus infinity */

struct stage {
    int index;
    int64_t side; /* side of the map */
    int64_t window, shift;
    bool covered;   /* by one window */
    int attentions; /* that the stage has had */
};

/* Region of a row or column of the rolled map: 0 before the last window, 1 before the rolled-in part, 2 that part. */
static int region(int64_t position, int64_t side, int64_t window, int64_t shift)
{
    return position < side - window ? 0 : position < side - shift ? 1 : 2;
}

/* (windows, 1, N, N): 0 between tokens of one region of the rolled map, mask_value between others. */
static struct vit_tensor *shift_mask(struct vit_graph *g, const char *name, const struct stage *s, int64_t side)
{
    int64_t w = s->window, across = side / w, n = w * w;
    vit_real *value;
    struct vit_tensor *mask = vit_graph_constant(g, vit_layer_name(g, "%s.attn_mask", name), 4,
                                                 (int64_t[]){across * across, 1, n, n}, &value);
    for (int64_t window = 0; mask && window < across * across; window++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                int64_t top = window / across * w, left = window % across * w;
                int row_i = region(top + i / w, side, w, s->shift), row_j = region(top + j / w, side, w, s->shift);
                int column_i = region(left + i % w, side, w, s->shift),
                    column_j = region(left + j % w, side, w, s->shift);
                *value++ = row_i == row_j && column_i == column_j ? 0 : (vit_real)mask_value;
            }
    return mask;
}

static struct vit_tensor *move(struct vit_graph *g, enum vit_op_kind kind, const char *name, struct vit_attr attr,
                               struct vit_tensor *x)
{
    enum vit_role before = vit_layer_role(g, VIT_ROLE_WINDOW);
    x = vit_add_op(g, kind, name, attr, x);
    vit_layer_role(g, before);
    return x;
}

/* (B, side, side, C) -> same: windows, attention in each, and back. */
static struct vit_tensor *window_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                           const struct stage *s, struct vit_attention a)
{
    int64_t w = s->window, padded = (s->side + w - 1) / w * w, extra = padded - s->side;
    struct vit_tensor *table = vit_layer_param(g, vit_layer_name(g, "%s.relative_position_bias_table", name), 2,
                                               (int64_t[]){(2 * w - 1) * (2 * w - 1), a.heads});
    enum vit_role before = vit_layer_role(g, VIT_ROLE_SCORE);
    a.bias = vit_add_op(g, VIT_OP_position_bias, vit_layer_name(g, "%s.position_bias", name),
                        ((struct vit_attr){.size = {w, w}, .axis = 0}), table);
    vit_layer_role(g, before);
    if (s->shift) {
        a.mask = shift_mask(g, name, s, padded);
        x = move(g, VIT_OP_roll, vit_layer_name(g, "%s.roll", name), (struct vit_attr){.size = {-s->shift, -s->shift}},
                 x);
    }
    if (extra)
        x = move(g, VIT_OP_pad, vit_layer_name(g, "%s.pad", name), (struct vit_attr){.axis = 1, .size = {extra, extra}},
                 x);
    x = move(g, VIT_OP_window_partition, vit_layer_name(g, "%s.partition", name), (struct vit_attr){.size = {w, w}}, x);
    x = vit_layer_attention(g, name, x, a);
    vit_graph_tap(g, name, x);
    x = move(g, VIT_OP_window_reverse, vit_layer_name(g, "%s.reverse", name),
             (struct vit_attr){.size = {w, w}, .map = {padded, padded}}, x);
    if (extra)
        x = move(g, VIT_OP_crop, vit_layer_name(g, "%s.crop", name),
                 (struct vit_attr){.axis = 1, .size = {s->side, s->side}}, x);
    if (s->shift)
        x = move(g, VIT_OP_roll, vit_layer_name(g, "%s.unroll", name), (struct vit_attr){.size = {s->shift, s->shift}},
                 x);
    return x;
}

struct layer {
    struct vit_block_place place;
    int block;     /* of the stage */
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
                                const struct stage *s, const struct layer *l)
{
    if (!x)
        return NULL;
    const char *block = vit_layer_name(g, "layers.%d.blocks.%d", s->index, l->block);
    const char *name = vit_layer_name(g, "%s.%s", block, module_of(l));
    struct vit_tensor *y =
        vit_layer_norm_by(g, vit_layer_name(g, "%s.norm%d", block, l->slot + 1), x, c->norm, norm_eps);
    if (l->attention) {
        y = window_attention(g, name, y, s, vit_layer_heads(c, l->place));
    } else {
        y = vit_layer_mlp(
            g, name, y,
            (struct vit_mlp){.hidden = vit_layout_hidden(c, l->place, l->ffn), .act = c->act, .drop = c->drop});
        vit_graph_tap(g, name, y);
    }
    return vit_layer_residual(g, name, x, vit_layer_drop_path(g, name, y, vit_layout_drop_path(c, l->place.block)));
}

static struct vit_tensor *block(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                struct stage *s, int index)
{
    const int number = vit_layout_blocks_before(c, s->index) + index;
    struct layer l = {.place = {.stage = s->index, .block = number, .width = c->embed_dim[s->index]}, .block = index};
    g->site = (struct vit_site){.stage = s->index, .block = index, .head = -1, .role = VIT_ROLE_NORM};
    for (l.slot = 0; l.slot < 2; l.slot++) {
        l.attention = vit_layout_is_attention(c, 2 * number + l.slot);
        s->shift = s->covered || s->attentions % 2 == 0 ? 0 : s->window / 2;
        x = layer(g, c, x, s, &l);
        s->attentions += l.attention;
        l.ffn += !l.attention;
    }
    vit_graph_tap(g, vit_layer_name(g, "layers.%d.blocks.%d", s->index, index), x);
    return x;
}

/* Patch merging: (B, H, W, C) -> (B, H/2, W/2, C'); the four pixels of a square in the order (0,0), (1,0), (0,1),
 * (1,1). */
static struct vit_tensor *merge(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x, int stage)
{
    if (!x)
        return NULL;
    const char *name = vit_layer_name(g, "layers.%d.downsample", stage);
    g->site = (struct vit_site){.stage = stage, .block = -1, .head = -1, .role = VIT_ROLE_MERGE};
    int64_t batch = x->dim[0], odd = x->dim[1] % 2, channels = x->dim[3];
    if (odd)
        x = vit_add_op(g, VIT_OP_pad, vit_layer_name(g, "%s.pad", name),
                       ((struct vit_attr){.axis = 1, .size = {odd, odd}}), x);
    if (!x)
        return NULL;
    int64_t half = x->dim[1] / 2;
    x = vit_graph_reshape(g, x, 6, (int64_t[]){batch, half, 2, half, 2, channels});
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.gather", name),
                   ((struct vit_attr){.perm = {0, 1, 3, 4, 2, 5}}), x);
    if (x)
        x = vit_graph_reshape(g, x, 4, (int64_t[]){batch, half, half, 4 * channels});
    x = vit_layer_norm_by(g, vit_layer_name(g, "%s.norm", name), x, c->norm, norm_eps);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.reduction", name), x, c->embed_dim[stage], false);
    vit_graph_tap(g, name, x);
    return x;
}

static struct vit_tensor *stage(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x, int index)
{
    const int64_t nominal = (c->img / c->patch) >> index;
    if (nominal < 1)
        return vit_graph_fail(
            g, vit_fail(VIT_EINVAL, "img %d: stage %d of %d has no pixels left", c->img, index, c->stages));
    if (index > 0)
        x = merge(g, c, x, index);
    if (!x)
        return NULL;
    struct stage s = {.index = index, .side = x->dim[1], .covered = nominal <= c->window[index]};
    s.window = s.covered ? nominal : c->window[index];
    for (int b = 0; b < c->depth[index]; b++)
        x = block(g, c, x, &s, b);
    return x;
}

static int build(struct vit_graph *g, const struct vit_model_config *c)
{
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_EMBED};
    struct vit_tensor *x = vit_layer_conv(
        g, "patch_embed.proj", g->input,
        (struct vit_conv_shape){.features = c->embed_dim[0], .kernel = c->patch, .stride = c->patch, .bias = true});
    x = vit_add_op(g, VIT_OP_permute, "patch_embed.channels_last", ((struct vit_attr){.perm = {0, 2, 3, 1}}), x);
    x = vit_layer_norm_by(g, "patch_embed.norm", x, c->norm, norm_eps);
    vit_graph_tap(g, "patch_embed", x);
    x = vit_layer_dropout(g, "patch_embed", x, c->drop);
    for (int i = 0; i < c->stages; i++)
        x = stage(g, c, x, i);
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_HEAD};
    x = vit_layer_norm_by(g, "norm", x, c->norm, norm_eps);
    vit_graph_tap(g, "norm", x);
    x = vit_add_op(g, VIT_OP_reduce_mean, "head.global_pool", ((struct vit_attr){.axis = 1, .length = 2}), x);
    vit_graph_tap(g, "head.global_pool", x);
    g->logits = vit_layer_linear(g, "head.fc", x, c->classes, true);
    return g->status;
}

/* As timm's SwinTransformer: the patch embedding is torch's own, all linears are normal. */
static const struct vit_initial initial[] = {
    {"*.relative_position_bias_table", VIT_INITIAL_NORMAL, 0.02},
    {"patch_embed.proj.*", VIT_INITIAL_FAN_IN, 0},
    {"*norm*.weight", VIT_INITIAL_CONSTANT, 1},
    {"*.weight", VIT_INITIAL_NORMAL, 0.02},
    {"*.bias", VIT_INITIAL_CONSTANT, 0},
    {0},
};

const struct vit_model_family vit_family_swin = {
    .name = "swin",
    .build = build,
    .reference = "arXiv 2103.14030",
    .initial = initial,
};
