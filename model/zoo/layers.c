/* SPDX-License-Identifier: MIT */
#include "model/zoo/layers.h"

#include "model/base/status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const struct vit_attr none;

const char *vit_layer_name(struct vit_graph *g, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *name = g->status == VIT_OK ? vit_graph_name(g, "%s", text) : NULL;
    return name ? name : "";
}

enum vit_role vit_layer_role(struct vit_graph *g, enum vit_role role)
{
    enum vit_role before = g->site.role;
    g->site.role = role;
    return before;
}

struct vit_tensor *vit_layer_param(struct vit_graph *g, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(g, name, VIT_SPACE_PARAM, ndim, dim);
}

static struct vit_tensor *vector(struct vit_graph *g, enum vit_space space, const char *module, const char *part,
                                 int64_t n)
{
    return vit_graph_tensor(g, vit_layer_name(g, "%s.%s", module, part), space, 1, &n);
}

static struct vit_tensor *weight(struct vit_graph *g, const char *module, int ndim, const int64_t *dim)
{
    return vit_layer_param(g, vit_layer_name(g, "%s.weight", module), ndim, dim);
}

struct vit_tensor *vit_layer_linear(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t features,
                                    bool bias)
{
    if (!x)
        return NULL;
    struct vit_tensor *w = weight(g, name, 2, (int64_t[]){features, x->dim[x->ndim - 1]});
    if (!bias)
        return vit_add_op(g, VIT_OP_linear, name, none, x, w);
    struct vit_tensor *b = vector(g, VIT_SPACE_PARAM, name, "bias", features);
    return vit_add_op(g, VIT_OP_linear, name, none, x, w, b);
}

struct vit_tensor *vit_layer_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps)
{
    if (!x)
        return NULL;
    int64_t channels = x->dim[x->ndim - 1];
    struct vit_tensor *w = vector(g, VIT_SPACE_PARAM, name, "weight", channels);
    struct vit_tensor *b = vector(g, VIT_SPACE_PARAM, name, "bias", channels);
    return vit_add_op(g, VIT_OP_layer_norm, name, ((struct vit_attr){.eps = eps}), x, w, b);
}

struct vit_tensor *vit_layer_batch_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps)
{
    if (!x)
        return NULL;
    int64_t channels = x->dim[1];
    struct vit_tensor *w = vector(g, VIT_SPACE_PARAM, name, "weight", channels);
    struct vit_tensor *b = vector(g, VIT_SPACE_PARAM, name, "bias", channels);
    struct vit_tensor *mean = vector(g, VIT_SPACE_BUFFER, name, "running_mean", channels);
    struct vit_tensor *var = vector(g, VIT_SPACE_BUFFER, name, "running_var", channels);
    return vit_add_op(g, VIT_OP_batch_norm, name, ((struct vit_attr){.eps = eps}), x, w, b, mean, var);
}

struct vit_tensor *vit_layer_conv(struct vit_graph *g, const char *name, struct vit_tensor *x, struct vit_conv_shape s)
{
    if (!x)
        return NULL;
    enum vit_op_kind kind = s.depthwise ? VIT_OP_depthwise_conv2d : VIT_OP_conv2d;
    int64_t channels = s.depthwise ? x->dim[1] : s.features;
    struct vit_attr attr = {.kernel = s.kernel, .stride = s.stride, .pad = s.pad};
    struct vit_tensor *w = weight(g, name, 4, (int64_t[]){channels, s.depthwise ? 1 : x->dim[1], s.kernel, s.kernel});
    if (!s.bias)
        return vit_add_op(g, kind, name, attr, x, w);
    struct vit_tensor *b = vector(g, VIT_SPACE_PARAM, name, "bias", channels);
    return vit_add_op(g, kind, name, attr, x, w, b);
}

struct vit_tensor *vit_layer_residual(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                      struct vit_tensor *branch)
{
    enum vit_role before = vit_layer_role(g, VIT_ROLE_RESIDUAL);
    struct vit_tensor *sum = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.residual", name), none, x, branch);
    vit_layer_role(g, before);
    return sum;
}

struct vit_tensor *vit_layer_mlp(struct vit_graph *g, const char *name, struct vit_tensor *x, double ratio,
                                 const char *tap_fc1)
{
    if (!x)
        return NULL;
    int64_t channels = x->dim[x->ndim - 1];
    enum vit_role before = vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.fc1", name), x, (int64_t)lround((double)channels * ratio), true);
    if (tap_fc1)
        vit_graph_tap(g, tap_fc1, x);
    x = vit_add_op(g, VIT_OP_gelu, vit_layer_name(g, "%s.act", name), none, x);
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.fc2", name), x, channels, true);
    vit_layer_role(g, before);
    return x;
}

/* (W, N, 3C) -> q, k, v of shape (W, heads, N, C / heads): one copy, then views. */
static void split_heads(struct vit_graph *g, const char *name, struct vit_tensor *qkv, int heads,
                        struct vit_tensor *part[3])
{
    int64_t windows = qkv->dim[0], n = qkv->dim[1], width = qkv->dim[2] / 3 / heads;
    struct vit_tensor *x = vit_graph_reshape(g, qkv, 5, (int64_t[]){windows, n, 3, heads, width});
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.split_heads", name),
                   ((struct vit_attr){.perm = {2, 0, 3, 1, 4}}), x);
    for (int i = 0; i < 3; i++) {
        part[i] = vit_graph_range(g, x, i, 1);
        part[i] = vit_graph_reshape(g, part[i], 4, (int64_t[]){windows, heads, n, width});
    }
}

/* Adds bias and mask to the scores (W, heads, N, N). */
static struct vit_tensor *bias_scores(struct vit_graph *g, const char *name, struct vit_tensor *scores,
                                      struct vit_attention a)
{
    if (scores && a.bias)
        scores = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.add_bias", name), none, scores, a.bias);
    if (!scores || !a.mask)
        return scores;
    int64_t windows = scores->dim[0], n = scores->dim[2], per_image = a.mask->dim[0];
    scores = vit_graph_reshape(g, scores, 5, (int64_t[]){windows / per_image, per_image, a.heads, n, n});
    scores = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.add_mask", name), none, scores, a.mask);
    return scores ? vit_graph_reshape(g, scores, 4, (int64_t[]){windows, a.heads, n, n}) : NULL;
}

/* One region for each head of x (W, heads, N, ...). */
static void head_regions(struct vit_graph *g, const char *name, enum vit_role role, struct vit_tensor *x)
{
    for (int head = 0; x && head < x->dim[1]; head++) {
        struct vit_site site = g->site;
        site.head = head;
        site.role = role;
        vit_graph_region(
            g, (struct vit_region){.block = name, .site = site, .tensor = x, .axis = 1, .start = head, .length = 1});
    }
}

struct vit_tensor *vit_layer_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       struct vit_attention a)
{
    if (!x)
        return NULL;
    int64_t windows = x->dim[0], n = x->dim[1], channels = x->dim[2];
    enum vit_role before = vit_layer_role(g, VIT_ROLE_QKV);
    struct vit_tensor *qkv = vit_layer_linear(g, vit_layer_name(g, "%s.qkv", name), x, 3 * channels, true);
    struct vit_tensor *part[3] = {NULL, NULL, NULL};
    if (qkv)
        split_heads(g, name, qkv, a.heads, part);
    struct vit_attr scale = {.scale = 1 / sqrt((double)channels / a.heads)};
    vit_layer_role(g, VIT_ROLE_QUERY);
    struct vit_tensor *q = vit_add_op(g, VIT_OP_scale, vit_layer_name(g, "%s.scale", name), scale, part[0]);
    vit_layer_role(g, VIT_ROLE_SCORE);
    struct vit_tensor *map = vit_add_op(g, VIT_OP_matmul, vit_layer_name(g, "%s.qk", name),
                                        ((struct vit_attr){.trans_b = true}), q, part[1]);
    map = bias_scores(g, name, map, a);
    map = vit_add_op(g, VIT_OP_softmax, vit_layer_name(g, "%s.softmax", name), none, map);
    vit_layer_role(g, VIT_ROLE_CONTEXT);
    x = vit_add_op(g, VIT_OP_matmul, vit_layer_name(g, "%s.av", name), none, map, part[2]);
    head_regions(g, name, VIT_ROLE_QUERY, q);
    head_regions(g, name, VIT_ROLE_KEY, part[1]);
    head_regions(g, name, VIT_ROLE_VALUE, part[2]);
    head_regions(g, name, VIT_ROLE_SCORE, map);
    head_regions(g, name, VIT_ROLE_CONTEXT, x);
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.join_heads", name),
                   ((struct vit_attr){.perm = {0, 2, 1, 3}}), x);
    if (x)
        x = vit_graph_reshape(g, x, 3, (int64_t[]){windows, n, channels});
    vit_layer_role(g, VIT_ROLE_PROJ);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.proj", name), x, channels, true);
    vit_layer_role(g, before);
    return x;
}
