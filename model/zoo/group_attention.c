/* SPDX-License-Identifier: MIT */
#include "model/zoo/group_attention.h"

#include "model/base/status.h"

#include <math.h>

_Static_assert((int)VIT_MAX_KERNELS <= (int)VIT_MAX_IN, "the heads of a block are inputs of one concat");

static const struct vit_attr none;

static struct vit_tensor *channels(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t start,
                                   int64_t length)
{
    return vit_add_op(g, VIT_OP_slice, name, ((struct vit_attr){.axis = 1, .start = start, .length = length}), x);
}

struct head {
    const struct vit_model_config *config;
    const char *attention; /* name of the attention module */
    int index, key_dim, value_dim;
    struct vit_tensor *bias; /* (heads, N, N) */
};

/* Side of the convolution on the query: of the last head that has one given. */
static int kernel_of(const struct head *h)
{
    int at = h->index;
    while (at > 0 && !h->config->kernels[at])
        at--;
    return h->config->kernels[at];
}

/* All of x (W, rows, columns) is the head's. */
static void head_region(struct vit_graph *g, const struct head *h, enum vit_role role, struct vit_tensor *x)
{
    struct vit_site site = g->site;
    site.role = role;
    vit_graph_region(
        g, (struct vit_region){
               .block = h->attention, .site = site, .tensor = x, .axis = -1, .channels_first = role != VIT_ROLE_SCORE});
}

/* One head: (W, channels that it sees, side, side) -> (W, value_dim, side, side).
 * scores[i][j] = q_i . k_j / sqrt(key_dim) + bias; y = v attention^T. */
static struct vit_tensor *attend(struct vit_graph *g, const struct head *h, struct vit_tensor *x)
{
    int64_t windows = x->dim[0], side = x->dim[2], n = side * side;
    const char *at = vit_layer_name(g, "%s.head%d", h->attention, h->index);
    vit_layer_role(g, VIT_ROLE_QKV);
    x = vit_layer_conv_norm(g, vit_layer_name(g, "%s.qkvs.%d", h->attention, h->index), x,
                            vit_conv_pointwise(2 * h->key_dim + h->value_dim), h->config->norm);
    vit_layer_role(g, VIT_ROLE_QUERY);
    struct vit_tensor *q = channels(g, vit_layer_name(g, "%s.query", at), x, 0, h->key_dim);
    if (h->config->query_conv)
        q = vit_layer_conv_norm(g, vit_layer_name(g, "%s.dws.%d", h->attention, h->index), q,
                                vit_conv_depthwise(kernel_of(h), 1), h->config->norm);
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

/* The head before is added to a head's slice: cut, or filled with zeros, to its width where its value is not as wide.
 */
static struct vit_tensor *cascade(struct vit_graph *g, const char *at, struct vit_tensor *slice,
                                  struct vit_tensor *before)
{
    if (!slice || !before)
        return NULL;
    const int64_t width = slice->dim[1], extra = width - before->dim[1];
    if (extra > 0)
        before = vit_add_op(g, VIT_OP_pad, vit_layer_name(g, "%s.widen", at),
                            ((struct vit_attr){.axis = 1, .size = {extra, 0}}), before);
    else if (extra < 0)
        before = vit_add_op(g, VIT_OP_crop, vit_layer_name(g, "%s.narrow", at),
                            ((struct vit_attr){.axis = 1, .size = {width, before->dim[2]}}), before);
    return vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.cascade", at), none, slice, before);
}

/* What head i sees of x: its slice of the channels, and the head before it; or, of MHSA, all. */
static struct vit_tensor *view_of_head(struct vit_graph *g, const struct head *h, int heads, struct vit_tensor *x,
                                       struct vit_tensor *before)
{
    const char *at = vit_layer_name(g, "%s.head%d", h->attention, h->index);
    if (h->config->mixer == VIT_MIXER_MHSA)
        return x;
    const int64_t width = x->dim[1] / heads;
    vit_layer_role(g, VIT_ROLE_QKV);
    struct vit_tensor *slice = channels(g, vit_layer_name(g, "%s.chunk", at), x, h->index * width, width);
    return h->index > 0 && h->config->cascade ? cascade(g, at, slice, before) : slice;
}

/* All heads on windows: (W, C, side, side) -> same. */
static struct vit_tensor *attend_all(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                     const struct vit_model_config *c, struct vit_block_place place)
{
    if (!x)
        return NULL;
    const struct vit_head_widths w = vit_layout_heads(c, place);
    int64_t side = x->dim[2];
    struct vit_tensor *table =
        vit_layer_param(g, vit_layer_name(g, "%s.attention_biases", name), 2, (int64_t[]){w.heads, side * side});
    vit_layer_role(g, VIT_ROLE_SCORE);
    struct vit_tensor *bias = vit_add_op(g, VIT_OP_position_bias, vit_layer_name(g, "%s.position_bias", name),
                                         ((struct vit_attr){.size = {side, side}, .axis = 1}), table);
    vit_graph_once(g); /* in evaluation the reference keeps the gathered table too */
    struct vit_tensor *out[VIT_MAX_IN] = {NULL};
    for (int i = 0; i < w.heads && g->status == VIT_OK; i++) {
        const struct head h = {
            .config = c, .attention = name, .index = i, .key_dim = w.qk, .value_dim = w.v, .bias = bias};
        g->site.head = i;
        struct vit_tensor *seen = view_of_head(g, &h, w.heads, x, i > 0 ? out[i - 1] : NULL);
        if (seen)
            out[i] = attend(g, &h, seen);
    }
    g->site.head = -1;
    vit_layer_role(g, VIT_ROLE_PROJ);
    const int64_t features = x->dim[1];
    x = vit_graph_op(g, VIT_OP_concat, vit_layer_name(g, "%s.join_heads", name), (struct vit_attr){.axis = 1}, w.heads,
                     out);
    x = vit_layer_act(g, vit_layer_name(g, "%s.proj.0", name), x, c->act);
    return vit_layer_conv_norm(g, vit_layer_name(g, "%s.proj.1", name), x, vit_conv_pointwise(features), c->norm);
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

struct vit_tensor *vit_group_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       const struct vit_model_config *c, struct vit_block_place place)
{
    if (!x)
        return NULL;
    int64_t side = x->dim[2], window = side < c->window[place.stage] ? side : c->window[place.stage];
    struct windows w = {.batch = x->dim[0],
                        .channels = x->dim[1],
                        .side = side,
                        .window = window,
                        .padded = (side + window - 1) / window * window};
    x = side > window ? to_windows(g, name, x, &w) : x;
    x = attend_all(g, name, x, c, place);
    return side > window ? from_windows(g, name, x, &w) : x;
}
