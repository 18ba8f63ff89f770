/* SPDX-License-Identifier: MIT */
/* swin.c - Swin Transformer (Liu et al. 2021, arXiv 2103.14030): attention in windows, every second block on a map
 * rolled by half a window with a mask between its regions; maps are (B, H, W, C). Maps that windows do not divide are
 * padded with zeros after the roll and cropped before it is undone; a map that one window covers has no shift. */
#include "model/base/status.h"
#include "model/zoo/layers.h"
#include "model/zoo/model.h"

static const double norm_eps = 1e-5;
static const double mask_value = -100; /* added, not minus infinity */

struct stage {
    int index;
    int64_t side; /* side of the map */
    int64_t window, shift;
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
                                           const struct stage *s, int heads)
{
    int64_t w = s->window, padded = (s->side + w - 1) / w * w, extra = padded - s->side;
    struct vit_attention a = {.heads = heads};
    struct vit_tensor *table = vit_layer_param(g, vit_layer_name(g, "%s.relative_position_bias_table", name), 2,
                                               (int64_t[]){(2 * w - 1) * (2 * w - 1), heads});
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

static struct vit_tensor *block(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                const struct stage *s, int index)
{
    const char *name = vit_layer_name(g, "layers.%d.blocks.%d", s->index, index);
    g->site = (struct vit_site){.stage = s->index, .block = index, .head = -1, .role = VIT_ROLE_NORM};
    struct vit_tensor *y = vit_layer_norm(g, vit_layer_name(g, "%s.norm1", name), x, norm_eps);
    y = window_attention(g, vit_layer_name(g, "%s.attn", name), y, s, c->heads[s->index]);
    x = vit_layer_residual(g, vit_layer_name(g, "%s.attn", name), x, y);
    y = vit_layer_norm(g, vit_layer_name(g, "%s.norm2", name), x, norm_eps);
    y = vit_layer_mlp(g, vit_layer_name(g, "%s.mlp", name), y, c->ffn_ratio[0], NULL);
    vit_graph_tap(g, vit_layer_name(g, "%s.mlp", name), y);
    x = vit_layer_residual(g, vit_layer_name(g, "%s.mlp", name), x, y);
    vit_graph_tap(g, name, x);
    return x;
}

/* Patch merging: (B, H, W, C) -> (B, H/2, W/2, C'); the four pixels of a square in the order (0,0), (1,0), (0,1),
 * (1,1). */
static struct vit_tensor *merge(struct vit_graph *g, struct vit_tensor *x, int stage, int features)
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
    x = vit_layer_norm(g, vit_layer_name(g, "%s.norm", name), x, norm_eps);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.reduction", name), x, features, false);
    vit_graph_tap(g, name, x);
    return x;
}

static int build(struct vit_graph *g, const struct vit_model_config *c)
{
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_EMBED};
    struct vit_tensor *x = vit_layer_conv(
        g, "patch_embed.proj", g->input,
        (struct vit_conv_shape){.features = c->embed_dim[0], .kernel = c->patch, .stride = c->patch, .bias = true});
    x = vit_add_op(g, VIT_OP_permute, "patch_embed.channels_last", ((struct vit_attr){.perm = {0, 2, 3, 1}}), x);
    x = vit_layer_norm(g, "patch_embed.norm", x, norm_eps);
    vit_graph_tap(g, "patch_embed", x);
    for (int i = 0; i < c->stages && x; i++) {
        if (i > 0)
            x = merge(g, x, i, c->embed_dim[i]);
        int64_t nominal = (c->img / c->patch) >> i;
        if (nominal < 1)
            return vit_fail(VIT_EINVAL, "img %d: stage %d of %d has no pixels left", c->img, i, c->stages);
        for (int b = 0; b < c->depth[i] && x; b++) {
            bool covered = nominal <= c->window[i];
            struct stage s = {.index = i, .side = x->dim[1]};
            s.window = covered ? nominal : c->window[i];
            s.shift = covered || b % 2 == 0 ? 0 : c->window[i] / 2;
            x = block(g, c, x, &s, b);
        }
    }
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_HEAD};
    x = vit_layer_norm(g, "norm", x, norm_eps);
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
