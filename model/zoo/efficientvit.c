/* SPDX-License-Identifier: MIT */
/* efficientvit.c - EfficientViT (Liu et al. 2023, arXiv 2305.07027): sandwich blocks around cascaded group attention.
 * Maps are (B, C, H, W); every convolution is followed by a batch norm. A block is dw0, ffn0, mixer, dw1, ffn1, all
 * residual. */
#include "model/base/status.h"
#include "model/zoo/layers.h"
#include "model/zoo/model.h"

#include <math.h>

static const struct vit_attr none;
static const double norm_eps = 1e-5;

static struct vit_tensor *relu(struct vit_graph *g, const char *name, struct vit_tensor *x)
{
    return vit_add_op(g, VIT_OP_relu, vit_layer_name(g, "%s.act", name), none, x);
}

/* Convolution and batch norm: NAME.conv, NAME.bn. */
static struct vit_tensor *conv_norm(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                    struct vit_conv_shape shape)
{
    x = vit_layer_conv(g, vit_layer_name(g, "%s.conv", name), x, shape);
    return vit_layer_batch_norm(g, vit_layer_name(g, "%s.bn", name), x, norm_eps);
}

static struct vit_conv_shape pointwise(int features)
{
    return (struct vit_conv_shape){.features = features, .kernel = 1, .stride = 1};
}

static struct vit_conv_shape depthwise(int kernel, int stride)
{
    return (struct vit_conv_shape){.kernel = kernel, .stride = stride, .pad = kernel / 2, .depthwise = true};
}

/* Token interaction: x + depthwise 3x3. */
static struct vit_tensor *token_mix(struct vit_graph *g, const char *name, struct vit_tensor *x)
{
    enum vit_role before = vit_layer_role(g, VIT_ROLE_TOKEN_MIX);
    struct vit_tensor *y = conv_norm(g, vit_layer_name(g, "%s.m", name), x, depthwise(3, 1));
    x = vit_layer_residual(g, name, x, y);
    vit_graph_tap(g, name, x);
    vit_layer_role(g, before);
    return x;
}

/* x + pw2(relu(pw1(x))). */
static struct vit_tensor *ffn(struct vit_graph *g, const char *name, struct vit_tensor *x, double ratio)
{
    if (!x)
        return NULL;
    int channels = (int)x->dim[1];
    enum vit_role before = vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    const char *expand = vit_layer_name(g, "%s.m.pw1", name);
    struct vit_tensor *y = relu(g, expand, conv_norm(g, expand, x, pointwise((int)lround(channels * ratio))));
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    y = conv_norm(g, vit_layer_name(g, "%s.m.pw2", name), y, pointwise(channels));
    x = vit_layer_residual(g, name, x, y);
    vit_graph_tap(g, name, x);
    vit_layer_role(g, before);
    return x;
}

static struct vit_tensor *channels(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t start,
                                   int64_t length)
{
    return vit_add_op(g, VIT_OP_slice, name, ((struct vit_attr){.axis = 1, .start = start, .length = length}), x);
}

struct head {
    const char *attention; /* name of the attention module */
    int index, key_dim, value_dim, kernel;
    struct vit_tensor *bias; /* (heads, N, N) */
};

/* All of x (W, rows, columns) is the head's. */
static void head_region(struct vit_graph *g, const struct head *h, enum vit_role role, struct vit_tensor *x)
{
    struct vit_site site = g->site;
    site.role = role;
    vit_graph_region(
        g, (struct vit_region){
               .block = h->attention, .site = site, .tensor = x, .axis = -1, .channels_first = role != VIT_ROLE_SCORE});
}

/* One head of the cascade: (W, C/h, side, side) -> (W, value_dim, side, side).
 * scores[i][j] = q_i . k_j / sqrt(key_dim) + bias; y = v attention^T. */
static struct vit_tensor *attend(struct vit_graph *g, const struct head *h, struct vit_tensor *x)
{
    int64_t windows = x->dim[0], side = x->dim[2], n = side * side;
    const char *at = vit_layer_name(g, "%s.head%d", h->attention, h->index);
    vit_layer_role(g, VIT_ROLE_QKV);
    x = conv_norm(g, vit_layer_name(g, "%s.qkvs.%d", h->attention, h->index), x,
                  pointwise(2 * h->key_dim + h->value_dim));
    vit_layer_role(g, VIT_ROLE_QUERY);
    struct vit_tensor *q = channels(g, vit_layer_name(g, "%s.query", at), x, 0, h->key_dim);
    q = conv_norm(g, vit_layer_name(g, "%s.dws.%d", h->attention, h->index), q, depthwise(h->kernel, 1));
    q = vit_add_op(g, VIT_OP_scale, vit_layer_name(g, "%s.scale", at),
                   ((struct vit_attr){.scale = 1 / sqrt((double)h->key_dim)}), q);
    vit_layer_role(g, VIT_ROLE_KEY);
    struct vit_tensor *k = channels(g, vit_layer_name(g, "%s.key", at), x, h->key_dim, h->key_dim);
    vit_layer_role(g, VIT_ROLE_VALUE);
    struct vit_tensor *v = channels(g, vit_layer_name(g, "%s.value", at), x, 2 * h->key_dim, h->value_dim);
    if (!q || !k || !v)
        return NULL;
    q = vit_graph_reshape(g, q, 3, (int64_t[]){windows, h->key_dim, n});
    k = vit_graph_reshape(g, k, 3, (int64_t[]){windows, h->key_dim, n});
    v = vit_graph_reshape(g, v, 3, (int64_t[]){windows, h->value_dim, n});
    struct vit_tensor *bias = vit_graph_range(g, h->bias, h->index, 1);
    vit_layer_role(g, VIT_ROLE_SCORE);
    struct vit_tensor *map =
        vit_add_op(g, VIT_OP_matmul, vit_layer_name(g, "%s.qk", at), ((struct vit_attr){.trans_a = true}), q, k);
    map = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.add_bias", at), none, map, bias);
    map = vit_add_op(g, VIT_OP_softmax, vit_layer_name(g, "%s.softmax", at), none, map);
    vit_layer_role(g, VIT_ROLE_CONTEXT);
    x = vit_add_op(g, VIT_OP_matmul, vit_layer_name(g, "%s.av", at), ((struct vit_attr){.trans_b = true}), v, map);
    head_region(g, h, VIT_ROLE_QUERY, q);
    head_region(g, h, VIT_ROLE_KEY, k);
    head_region(g, h, VIT_ROLE_VALUE, v);
    head_region(g, h, VIT_ROLE_SCORE, map);
    head_region(g, h, VIT_ROLE_CONTEXT, x);
    return x ? vit_graph_reshape(g, x, 4, (int64_t[]){windows, h->value_dim, side, side}) : NULL;
}

/* Cascaded group attention on windows: (W, C, side, side) -> same. Head h sees its chunk of channels plus the output of
 * head h-1. */
static struct vit_tensor *cascaded_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                             const struct vit_model_config *c, int stage)
{
    if (!x)
        return NULL;
    int heads = c->heads[stage], width = (int)x->dim[1] / heads;
    int64_t side = x->dim[2];
    struct vit_tensor *table =
        vit_layer_param(g, vit_layer_name(g, "%s.attention_biases", name), 2, (int64_t[]){heads, side * side});
    vit_layer_role(g, VIT_ROLE_SCORE);
    struct vit_tensor *bias = vit_add_op(g, VIT_OP_position_bias, vit_layer_name(g, "%s.position_bias", name),
                                         ((struct vit_attr){.size = {side, side}, .axis = 1}), table);
    vit_graph_once(g); /* in evaluation the reference keeps the gathered table too */
    struct vit_tensor *out[VIT_MAX_IN] = {NULL}, *chunk = NULL;
    for (int i = 0; i < heads && g->status == VIT_OK; i++) {
        g->site.head = i;
        vit_layer_role(g, VIT_ROLE_QKV);
        chunk = channels(g, vit_layer_name(g, "%s.head%d.chunk", name, i), x, (int64_t)i * width, width);
        if (i > 0)
            chunk = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.head%d.cascade", name, i), none, chunk, out[i - 1]);
        struct head h = {.attention = name,
                         .index = i,
                         .key_dim = c->qk_dim[stage],
                         .value_dim = width,
                         .kernel = c->kernels[i],
                         .bias = bias};
        if (chunk)
            out[i] = attend(g, &h, chunk);
    }
    g->site.head = -1;
    vit_layer_role(g, VIT_ROLE_PROJ);
    x = vit_graph_op(g, VIT_OP_concat, vit_layer_name(g, "%s.join_heads", name), (struct vit_attr){.axis = 1}, heads,
                     out);
    const char *proj = vit_layer_name(g, "%s.proj.1", name);
    x = relu(g, vit_layer_name(g, "%s.proj.0", name), x);
    return conv_norm(g, proj, x, pointwise(heads * width));
}

struct windows {
    int64_t batch, channels, side, padded, window;
};

/* (B, C, side, side) -> (B * windows, C, window, window), zero-padded right and bottom. */
static struct vit_tensor *to_windows(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                     const struct windows *w)
{
    int64_t extra = w->padded - w->side, across = w->padded / w->window;
    vit_layer_role(g, VIT_ROLE_WINDOW);
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.channels_last", name),
                   ((struct vit_attr){.perm = {0, 2, 3, 1}}), x);
    if (extra)
        x = vit_add_op(g, VIT_OP_pad, vit_layer_name(g, "%s.pad", name),
                       ((struct vit_attr){.axis = 1, .size = {extra, extra}}), x);
    x = vit_add_op(g, VIT_OP_window_partition, vit_layer_name(g, "%s.partition", name),
                   ((struct vit_attr){.size = {w->window, w->window}}), x);
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.channels_first", name),
                   ((struct vit_attr){.perm = {0, 2, 1}}), x);
    return x ? vit_graph_reshape(g, x, 4, (int64_t[]){w->batch * across * across, w->channels, w->window, w->window})
             : NULL;
}

static struct vit_tensor *from_windows(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       const struct windows *w)
{
    if (!x)
        return NULL;
    vit_layer_role(g, VIT_ROLE_WINDOW);
    x = vit_graph_reshape(g, x, 3, (int64_t[]){x->dim[0], w->channels, w->window * w->window});
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.tokens", name), ((struct vit_attr){.perm = {0, 2, 1}}), x);
    x = vit_add_op(g, VIT_OP_window_reverse, vit_layer_name(g, "%s.reverse", name),
                   ((struct vit_attr){.size = {w->window, w->window}, .map = {w->padded, w->padded}}), x);
    if (w->padded > w->side)
        x = vit_add_op(g, VIT_OP_crop, vit_layer_name(g, "%s.crop", name),
                       ((struct vit_attr){.axis = 1, .size = {w->side, w->side}}), x);
    return vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.map", name), ((struct vit_attr){.perm = {0, 3, 1, 2}}),
                      x);
}

/* x + attention, in windows where the map is larger than one. */
static struct vit_tensor *mixer(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                const struct vit_model_config *c, int stage)
{
    if (!x)
        return NULL;
    enum vit_role before = g->site.role;
    int64_t side = x->dim[2], window = side < c->window[stage] ? side : c->window[stage];
    struct windows w = {.batch = x->dim[0],
                        .channels = x->dim[1],
                        .side = side,
                        .window = window,
                        .padded = (side + window - 1) / window * window};
    const char *attention = vit_layer_name(g, "%s.m.attn", name);
    struct vit_tensor *y = side > window ? to_windows(g, attention, x, &w) : x;
    y = cascaded_attention(g, attention, y, c, stage);
    if (side > window)
        y = from_windows(g, attention, y, &w);
    vit_graph_tap(g, vit_layer_name(g, "%s.m", name), y);
    x = vit_layer_residual(g, name, x, y);
    vit_graph_tap(g, name, x);
    vit_layer_role(g, before);
    return x;
}

static struct vit_tensor *block(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x, int stage,
                                int index)
{
    const char *name = vit_layer_name(g, "stages.%d.blocks.%d", stage, index);
    g->site = (struct vit_site){.stage = stage, .block = index, .head = -1, .role = VIT_ROLE_NONE};
    x = token_mix(g, vit_layer_name(g, "%s.dw0", name), x);
    x = ffn(g, vit_layer_name(g, "%s.ffn0", name), x, c->ffn_ratio[stage]);
    x = mixer(g, vit_layer_name(g, "%s.mixer", name), x, c, stage);
    x = token_mix(g, vit_layer_name(g, "%s.dw1", name), x);
    return ffn(g, vit_layer_name(g, "%s.ffn1", name), x, c->ffn_ratio[stage]);
}

/* Nearest multiple of 8, at least 8, and not below 90 % of the value (the MobileNet rule). */
static int make_divisible(double value)
{
    int rounded = (int)(value + 4) / 8 * 8;
    if (rounded < 8)
        rounded = 8;
    return rounded < 0.9 * value ? rounded + 8 : rounded;
}

/* x * sigmoid(fc2(relu(fc1(mean over positions)))). */
static struct vit_tensor *squeeze_excite(struct vit_graph *g, const char *name, struct vit_tensor *x)
{
    if (!x)
        return NULL;
    int64_t batch = x->dim[0], width = x->dim[1];
    struct vit_conv_shape fc1 = pointwise(make_divisible((double)width / 4)), fc2 = pointwise((int)width);
    fc1.bias = fc2.bias = true;
    struct vit_tensor *y = vit_add_op(g, VIT_OP_reduce_mean, vit_layer_name(g, "%s.mean", name),
                                      ((struct vit_attr){.axis = 2, .length = 2}), x);
    y = y ? vit_graph_reshape(g, y, 4, (int64_t[]){batch, width, 1, 1}) : NULL;
    y = vit_layer_conv(g, vit_layer_name(g, "%s.fc1", name), y, fc1);
    y = relu(g, name, y);
    y = vit_layer_conv(g, vit_layer_name(g, "%s.fc2", name), y, fc2);
    y = vit_add_op(g, VIT_OP_sigmoid, vit_layer_name(g, "%s.gate", name), none, y);
    x = vit_add_op(g, VIT_OP_mul, vit_layer_name(g, "%s.mul", name), none, x, y);
    vit_graph_tap(g, name, x);
    return x;
}

/* Between stages: token mix and FFN, merge to half the side, token mix and FFN. */
static struct vit_tensor *downsample(struct vit_graph *g, const struct vit_model_config *c, struct vit_tensor *x,
                                     int stage)
{
    if (!x)
        return NULL;
    const char *name = vit_layer_name(g, "stages.%d.downsample", stage);
    const char *merge = vit_layer_name(g, "%s.patchmerge", name);
    g->site = (struct vit_site){.stage = stage, .block = -1, .head = -1, .role = VIT_ROLE_MERGE};
    x = token_mix(g, vit_layer_name(g, "%s.res1.0", name), x);
    x = ffn(g, vit_layer_name(g, "%s.res1.1", name), x, c->ffn_ratio[stage]);
    const char *conv1 = vit_layer_name(g, "%s.conv1", merge), *conv2 = vit_layer_name(g, "%s.conv2", merge);
    x = conv_norm(g, conv1, x, pointwise(4 * c->embed_dim[stage - 1]));
    vit_graph_tap(g, conv1, x);
    x = relu(g, conv1, x);
    x = conv_norm(g, conv2, x, depthwise(3, 2));
    vit_graph_tap(g, conv2, x);
    x = relu(g, conv2, x);
    x = squeeze_excite(g, vit_layer_name(g, "%s.se", merge), x);
    x = conv_norm(g, vit_layer_name(g, "%s.conv3", merge), x, pointwise(c->embed_dim[stage]));
    vit_graph_tap(g, merge, x);
    x = token_mix(g, vit_layer_name(g, "%s.res2.0", name), x);
    return ffn(g, vit_layer_name(g, "%s.res2.1", name), x, c->ffn_ratio[stage]);
}

/* Four 3x3 convolutions of stride 2 with widths C/8, C/4, C/2, C. */
static struct vit_tensor *patch_embed(struct vit_graph *g, const struct vit_model_config *c)
{
    enum { CONVOLUTIONS = 4 };
    struct vit_tensor *x = g->input;
    for (int i = 1; i <= CONVOLUTIONS; i++) {
        const char *name = vit_layer_name(g, "patch_embed.conv%d", i);
        x = conv_norm(g, name, x,
                      (struct vit_conv_shape){
                          .features = c->embed_dim[0] >> (CONVOLUTIONS - i), .kernel = 3, .stride = 2, .pad = 1});
        vit_graph_tap(g, i == CONVOLUTIONS ? "patch_embed" : name, x);
        if (i < CONVOLUTIONS)
            x = relu(g, name, x);
    }
    return x;
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
    x = vit_layer_batch_norm(g, "head.bn", x, norm_eps);
    vit_graph_tap(g, "head.bn", x);
    g->logits = vit_layer_linear(g, "head.linear", x, c->classes, true);
    return g->status;
}

/* As timm's EfficientVitMsra: what ends a residual branch begins as zero. Names that no row fits before the last two:
 * convolutions, and the squeeze-excitation's biases. */
static const struct vit_initial initial[] = {
    {"*.dw[01].m.bn.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.pw2.bn.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.proj.1.bn.weight", VIT_INITIAL_CONSTANT, 0},
    {"*.bn.weight", VIT_INITIAL_CONSTANT, 1},
    {"*.bn.bias", VIT_INITIAL_CONSTANT, 0},
    {"*.attention_biases", VIT_INITIAL_CONSTANT, 0},
    {"head.linear.weight", VIT_INITIAL_NORMAL, 0.02},
    {"head.linear.bias", VIT_INITIAL_CONSTANT, 0},
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
