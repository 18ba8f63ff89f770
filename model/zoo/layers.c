/* SPDX-License-Identifier: MIT */
#include "model/zoo/layers.h"

#include "model/base/status.h"
#include "model/noise.h"

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

struct vit_tensor *vit_layer_norm_by(struct vit_graph *g, const char *name, struct vit_tensor *x, enum vit_norm norm,
                                     double eps)
{
    const double batch_eps = 1e-5;
    if (!x || norm == VIT_NORM_LAYER)
        return vit_layer_norm(g, name, x, eps);
    if (x->ndim == 2)
        return vit_layer_batch_norm(g, name, x, batch_eps);
    struct vit_tensor *y = vit_graph_reshape(g, x, 2, (int64_t[]){-1, x->dim[x->ndim - 1]});
    y = vit_layer_batch_norm(g, name, y, batch_eps);
    return y ? vit_graph_reshape(g, y, x->ndim, x->dim) : NULL;
}

struct vit_tensor *vit_layer_act(struct vit_graph *g, const char *name, struct vit_tensor *x, enum vit_act act)
{
    static const enum vit_op_kind kind[] = {[VIT_ACT_RELU] = VIT_OP_relu,
                                            [VIT_ACT_GELU] = VIT_OP_gelu,
                                            [VIT_ACT_HSWISH] = VIT_OP_hswish,
                                            [VIT_ACT_SILU] = VIT_OP_silu};
    return vit_add_op(g, kind[act], vit_layer_name(g, "%s.act", name), none, x);
}

/* The operator's place in the graph names its random numbers: it is the same in every process of a run. */
static struct vit_tensor *add_noise(struct vit_graph *g, enum vit_op_kind kind, const char *name, struct vit_tensor *x,
                                    double rate)
{
    if (!x || !g->training || rate <= 0)
        return x;
    return vit_add_op(g, kind, name, ((struct vit_attr){.rate = rate, .stream = g->n_op}), x, vit_graph_noise(g));
}

struct vit_tensor *vit_layer_dropout(struct vit_graph *g, const char *name, struct vit_tensor *x, double rate)
{
    return add_noise(g, VIT_OP_dropout, vit_layer_name(g, "%s.drop", name), x, rate);
}

struct vit_tensor *vit_layer_drop_path(struct vit_graph *g, const char *name, struct vit_tensor *x, double rate)
{
    return add_noise(g, VIT_OP_drop_path, vit_layer_name(g, "%s.drop_path", name), x, rate);
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

struct vit_tensor *vit_layer_conv_norm(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       struct vit_conv_shape s, enum vit_norm norm)
{
    const double eps = 1e-5;
    x = vit_layer_conv(g, vit_layer_name(g, "%s.conv", name), x, s);
    if (norm == VIT_NORM_BATCH)
        return vit_layer_batch_norm(g, vit_layer_name(g, "%s.bn", name), x, eps);
    const char *ln = vit_layer_name(g, "%s.ln", name);
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.channels_last", ln),
                   ((struct vit_attr){.perm = {0, 2, 3, 1}}), x);
    x = vit_layer_norm(g, ln, x, eps);
    return vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.channels_first", ln),
                      ((struct vit_attr){.perm = {0, 3, 1, 2}}), x);
}

int vit_layer_divisible(double value)
{
    int rounded = (int)(value + 4) / 8 * 8;
    if (rounded < 8)
        rounded = 8;
    return rounded < 0.9 * value ? rounded + 8 : rounded;
}

struct vit_tensor *vit_layer_squeeze_excite(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                            struct vit_squeeze s)
{
    if (!x)
        return NULL;
    int64_t batch = x->dim[0], width = x->dim[1];
    struct vit_conv_shape reduce = vit_conv_pointwise(s.hidden), expand = vit_conv_pointwise(width);
    reduce.bias = expand.bias = true;
    struct vit_tensor *y = vit_add_op(g, VIT_OP_reduce_mean, vit_layer_name(g, "%s.mean", name),
                                      ((struct vit_attr){.axis = 2, .length = 2}), x);
    y = y ? vit_graph_reshape(g, y, 4, (int64_t[]){batch, width, 1, 1}) : NULL;
    y = vit_layer_conv(g, vit_layer_name(g, "%s.%s", name, s.reduce), y, reduce);
    y = vit_add_op(g, s.act, vit_layer_name(g, "%s.act", name), none, y);
    y = vit_layer_conv(g, vit_layer_name(g, "%s.%s", name, s.expand), y, expand);
    y = vit_add_op(g, s.gate, vit_layer_name(g, "%s.gate", name), none, y);
    x = vit_add_op(g, VIT_OP_mul, vit_layer_name(g, "%s.mul", name), none, x, y);
    vit_graph_tap(g, name, x);
    return x;
}

struct vit_tensor *vit_layer_residual(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                      struct vit_tensor *branch)
{
    enum vit_role before = vit_layer_role(g, VIT_ROLE_RESIDUAL);
    struct vit_tensor *sum = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.residual", name), none, x, branch);
    vit_layer_role(g, before);
    return sum;
}

struct vit_tensor *vit_layer_mlp(struct vit_graph *g, const char *name, struct vit_tensor *x, struct vit_mlp mlp)
{
    if (!x)
        return NULL;
    int64_t channels = x->dim[x->ndim - 1];
    enum vit_role before = vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    x = vit_layer_linear(g, vit_layer_name(g, "%s.fc1", name), x, mlp.hidden, true);
    if (mlp.tap_fc1)
        vit_graph_tap(g, mlp.tap_fc1, x);
    x = vit_layer_act(g, name, x, mlp.act);
    x = vit_layer_dropout(g, vit_layer_name(g, "%s.act", name), x, mlp.drop);
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    const char *fc2 = vit_layer_name(g, "%s.fc2", name);
    x = vit_layer_linear(g, fc2, x, channels, true);
    x = vit_layer_dropout(g, fc2, x, mlp.drop);
    vit_layer_role(g, before);
    return x;
}

struct vit_attention vit_layer_heads(const struct vit_model_config *c, struct vit_block_place place)
{
    const struct vit_head_widths w = vit_layout_heads(c, place);
    return (struct vit_attention){.heads = w.heads, .qk = w.qk, .v = w.v, .split = c->head_split, .drop = c->drop};
}

/* Rows of weight and bias: q of each head, k of each, v of each. */
struct qkv {
    const char *name; /* of the attention */
    struct vit_tensor *weight, *bias;
    int64_t heads, qk, v;
};

/* (W, N, parts * heads * width) -> (parts, W, heads, N, width): one copy, of which parts are views. */
static struct vit_tensor *split_heads(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                      const int64_t size[3])
{
    if (!x)
        return NULL;
    x = vit_graph_reshape(g, x, 5, (int64_t[]){x->dim[0], x->dim[1], size[0], size[1], size[2]});
    return vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.split_heads", name),
                      ((struct vit_attr){.perm = {2, 0, 3, 1, 4}}), x);
}

/* Item i of the first axis: (W, heads, N, width). */
static struct vit_tensor *part_of(struct vit_graph *g, struct vit_tensor *x, int64_t i)
{
    struct vit_tensor *item = x ? vit_graph_range(g, x, i, 1) : NULL;
    return item ? vit_graph_reshape(g, item, 4, item->dim + 1) : NULL;
}

static struct vit_tensor *rows_of(struct vit_graph *g, struct vit_tensor *weight, int64_t start, int64_t rows)
{
    return weight ? vit_graph_range(g, weight, start, rows) : NULL;
}

/* Heads that see all channels. With equal widths one linear and one copy, else those of q and k, and those of v. */
static void project(struct vit_graph *g, const struct qkv *qkv, struct vit_tensor *x, struct vit_tensor *part[3])
{
    const int64_t rows = 2 * qkv->heads * qkv->qk, v_rows = qkv->heads * qkv->v;
    const char *name = vit_layer_name(g, "%s.qkv", qkv->name);
    struct vit_tensor *joint, *value;
    if (qkv->qk == qkv->v) {
        joint = vit_add_op(g, VIT_OP_linear, name, none, x, qkv->weight, qkv->bias);
        value = joint = split_heads(g, qkv->name, joint, (int64_t[]){3, qkv->heads, qkv->v});
    } else {
        joint = vit_add_op(g, VIT_OP_linear, vit_layer_name(g, "%s.query_key", name), none, x,
                           rows_of(g, qkv->weight, 0, rows), rows_of(g, qkv->bias, 0, rows));
        joint = split_heads(g, qkv->name, joint, (int64_t[]){2, qkv->heads, qkv->qk});
        value = vit_add_op(g, VIT_OP_linear, vit_layer_name(g, "%s.value", name), none, x,
                           rows_of(g, qkv->weight, rows, v_rows), rows_of(g, qkv->bias, rows, v_rows));
        value = split_heads(g, vit_layer_name(g, "%s.value", qkv->name), value, (int64_t[]){1, qkv->heads, qkv->v});
    }
    part[0] = part_of(g, joint, 0);
    part[1] = part_of(g, joint, 1);
    part[2] = part_of(g, value, value == joint ? 2 : 0);
}

/* q, k or v of heads that see slices. */
struct slice_rows {
    const char *name;
    int64_t start, width;
};

/* x (heads, W N, C / heads) by a matrix (width, C / heads) for each head -> (W, heads, N, width). */
static struct vit_tensor *project_slices(struct vit_graph *g, const struct qkv *qkv, struct vit_tensor *x,
                                         struct slice_rows rows, int64_t n)
{
    struct vit_tensor *weight = rows_of(g, qkv->weight, rows.start, qkv->heads * rows.width);
    struct vit_tensor *bias = rows_of(g, qkv->bias, rows.start, qkv->heads * rows.width);
    const char *name = vit_layer_name(g, "%s.qkv.%s", qkv->name, rows.name);
    if (!weight || !bias || !x)
        return NULL;
    weight = vit_graph_reshape(g, weight, 3, (int64_t[]){qkv->heads, rows.width, -1});
    bias = vit_graph_reshape(g, bias, 3, (int64_t[]){qkv->heads, 1, rows.width});
    x = vit_add_op(g, VIT_OP_matmul, name, ((struct vit_attr){.trans_b = true}), x, weight);
    x = vit_add_op(g, VIT_OP_add, vit_layer_name(g, "%s.add_bias", name), none, x, bias);
    if (x)
        x = vit_graph_reshape(g, x, 4, (int64_t[]){qkv->heads, -1, n, rows.width});
    return vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.heads_second", name),
                      ((struct vit_attr){.perm = {1, 0, 2, 3}}), x);
}

static void project_split(struct vit_graph *g, const struct qkv *qkv, struct vit_tensor *x, struct vit_tensor *part[3])
{
    const int64_t n = x->dim[1], width = x->dim[2] / qkv->heads, rows = qkv->heads * qkv->qk;
    x = vit_graph_reshape(g, x, 4, (int64_t[]){x->dim[0], n, qkv->heads, width});
    x = vit_add_op(g, VIT_OP_permute, vit_layer_name(g, "%s.slices", qkv->name),
                   ((struct vit_attr){.perm = {2, 0, 1, 3}}), x);
    if (x)
        x = vit_graph_reshape(g, x, 3, (int64_t[]){qkv->heads, -1, width});
    part[0] = project_slices(g, qkv, x, (struct slice_rows){"query", 0, qkv->qk}, n);
    part[1] = project_slices(g, qkv, x, (struct slice_rows){"key", rows, qkv->qk}, n);
    part[2] = project_slices(g, qkv, x, (struct slice_rows){"value", 2 * rows, qkv->v}, n);
}

/* (W, N, C) -> q, k, v of shape (W, heads, N, width). */
static void query_key_value(struct vit_graph *g, const char *name, struct vit_tensor *x, const struct vit_attention *a,
                            struct vit_tensor *part[3])
{
    const char *module = vit_layer_name(g, "%s.qkv", name);
    const int64_t rows = (int64_t)a->heads * (2 * a->qk + a->v), columns = a->split ? x->dim[2] / a->heads : x->dim[2];
    const struct qkv qkv = {.name = name,
                            .weight = weight(g, module, 2, (int64_t[]){rows, columns}),
                            .bias = vector(g, VIT_SPACE_PARAM, module, "bias", rows),
                            .heads = a->heads,
                            .qk = a->qk,
                            .v = a->v};
    (a->split ? project_split : project)(g, &qkv, x, part);
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
    struct vit_tensor *part[3] = {NULL, NULL, NULL};
    query_key_value(g, name, x, &a, part);
    struct vit_attr scale = {.scale = 1 / sqrt((double)a.qk)};
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
        x = vit_graph_reshape(g, x, 3, (int64_t[]){windows, n, (int64_t)a.heads * a.v});
    vit_layer_role(g, VIT_ROLE_PROJ);
    const char *proj = vit_layer_name(g, "%s.proj", name);
    x = vit_layer_linear(g, proj, x, channels, true);
    x = vit_layer_dropout(g, proj, x, a.drop);
    vit_layer_role(g, before);
    return x;
}

void vit_layer_distill(struct vit_graph *g, struct vit_tensor *logits)
{
    if (g->training) {
        g->logits_distilled = logits;
        return;
    }
    struct vit_tensor *sum = vit_add_op(g, VIT_OP_add, "head.sum", none, g->logits, logits);
    g->logits = vit_add_op(g, VIT_OP_scale, "head.mean", ((struct vit_attr){.scale = 0.5}), sum);
}
