/* SPDX-License-Identifier: MIT */
/* mobilenet.c - convolutional networks of inverted residual blocks, for comparison with transformers: MobileNetV2
 * (Sandler et al. 2018, arXiv 1801.04381), MobileNetV3 (Howard et al. 2019, arXiv 1905.02244), EfficientNet-B0 (Tan and
 * Le 2019, arXiv 1905.11946). Maps are (B, C, H, W). A block widens by a 1x1 convolution, mixes positions by a
 * depthwise one, weighs channels by squeeze-excite, and narrows by a 1x1 convolution; a batch norm follows each
 * convolution. */
#include "model/base/status.h"
#include "model/zoo/layers.h"
#include "model/zoo/model.h"

#include <math.h>

static const struct vit_attr none;
static const double norm_eps = 1e-5;

enum kind {
    END,
    SEPARABLE, /* depthwise, then 1x1 without activation: no widening */
    INVERTED,
    POINTWISE, /* one 1x1 convolution with its activation */
};

/* Equal blocks; the first has the stride. */
struct row {
    enum kind kind;
    int stage, blocks, kernel, stride;
    double expand;
    int width;
    bool squeeze, relu; /* squeeze-excite; ReLU in place of the network's activation */
};

enum { MOST_ROWS = 10 };

struct network {
    enum vit_op_kind act, gate; /* gate: of squeeze-excite */
    int stem, head;
    bool v3; /* the last 1x1 convolution follows the pooling, with biases, no norm; squeeze-excite as MobileNetV3 has it
              */
    struct row row[MOST_ROWS + 1];
};

/* In the order of enum vit_network; rows are those of the papers' tables. */
static const struct network networks[] = {
    [VIT_NETWORK_MOBILENET_V2] = {.act = VIT_OP_relu6,
                                  .gate = VIT_OP_sigmoid,
                                  .stem = 32,
                                  .head = 1280,
                                  .row = {{SEPARABLE, 0, 1, 3, 1, 1, 16, false, false},
                                          {INVERTED, 1, 2, 3, 2, 6, 24, false, false},
                                          {INVERTED, 2, 3, 3, 2, 6, 32, false, false},
                                          {INVERTED, 3, 4, 3, 2, 6, 64, false, false},
                                          {INVERTED, 4, 3, 3, 1, 6, 96, false, false},
                                          {INVERTED, 5, 3, 3, 2, 6, 160, false, false},
                                          {INVERTED, 6, 1, 3, 1, 6, 320, false, false}}},
    [VIT_NETWORK_MOBILENET_V3_LARGE] = {.act = VIT_OP_hswish,
                                        .gate = VIT_OP_hsigmoid,
                                        .stem = 16,
                                        .head = 1280,
                                        .v3 = true,
                                        .row = {{SEPARABLE, 0, 1, 3, 1, 1, 16, false, true},
                                                {INVERTED, 1, 1, 3, 2, 4, 24, false, true},
                                                {INVERTED, 1, 1, 3, 1, 3, 24, false, true},
                                                {INVERTED, 2, 3, 5, 2, 3, 40, true, true},
                                                {INVERTED, 3, 1, 3, 2, 6, 80, false, false},
                                                {INVERTED, 3, 1, 3, 1, 2.5, 80, false, false},
                                                {INVERTED, 3, 2, 3, 1, 2.3, 80, false, false},
                                                {INVERTED, 4, 2, 3, 1, 6, 112, true, false},
                                                {INVERTED, 5, 3, 5, 2, 6, 160, true, false},
                                                {POINTWISE, 6, 1, 1, 1, 1, 960, false, false}}},
    [VIT_NETWORK_MOBILENET_V3_SMALL] = {.act = VIT_OP_hswish,
                                        .gate = VIT_OP_hsigmoid,
                                        .stem = 16,
                                        .head = 1024,
                                        .v3 = true,
                                        .row = {{SEPARABLE, 0, 1, 3, 2, 1, 16, true, true},
                                                {INVERTED, 1, 1, 3, 2, 4.5, 24, false, true},
                                                {INVERTED, 1, 1, 3, 1, 3.67, 24, false, true},
                                                {INVERTED, 2, 1, 5, 2, 4, 40, true, false},
                                                {INVERTED, 2, 2, 5, 1, 6, 40, true, false},
                                                {INVERTED, 3, 2, 5, 1, 3, 48, true, false},
                                                {INVERTED, 4, 3, 5, 2, 6, 96, true, false},
                                                {POINTWISE, 5, 1, 1, 1, 1, 576, false, false}}},
    [VIT_NETWORK_EFFICIENTNET_B0] = {.act = VIT_OP_silu,
                                     .gate = VIT_OP_sigmoid,
                                     .stem = 32,
                                     .head = 1280,
                                     .row = {{SEPARABLE, 0, 1, 3, 1, 1, 16, true, false},
                                             {INVERTED, 1, 2, 3, 2, 6, 24, true, false},
                                             {INVERTED, 2, 2, 5, 2, 6, 40, true, false},
                                             {INVERTED, 3, 3, 3, 2, 6, 80, true, false},
                                             {INVERTED, 4, 3, 5, 1, 6, 112, true, false},
                                             {INVERTED, 5, 4, 5, 2, 6, 192, true, false},
                                             {INVERTED, 6, 1, 3, 1, 6, 320, true, false}}},
};

/* What a block needs to know. */
struct block {
    const struct network *network;
    const struct row *row;
    const char *name; /* "blocks.1.0" */
    int stride;
};

static enum vit_op_kind act_of(const struct block *b)
{
    return b->row->relu ? VIT_OP_relu : b->network->act;
}

/* PART of the block's module: its convolution, the norm of this number, and the activation (VIT_N_OPS: none). */
static struct vit_tensor *conv_norm(struct vit_graph *g, const char *convolution, const char *norm,
                                    struct vit_tensor *x, struct vit_conv_shape shape)
{
    x = vit_layer_conv(g, convolution, x, shape);
    return vit_layer_batch_norm(g, norm, x, norm_eps);
}

static struct vit_tensor *activate(struct vit_graph *g, const char *name, struct vit_tensor *x, enum vit_op_kind act)
{
    return vit_add_op(g, act, vit_layer_name(g, "%s.act", name), none, x);
}

/* Of MobileNetV3 a quarter of the widened width, else a quarter of the width before widening. */
static struct vit_tensor *squeeze(struct vit_graph *g, const struct block *b, struct vit_tensor *x)
{
    if (!x || !b->row->squeeze)
        return x;
    double quarter = (double)x->dim[1] / 4;
    return vit_layer_squeeze_excite(g, vit_layer_name(g, "%s.se", b->name), x,
                                    (struct vit_squeeze){.reduce = "conv_reduce",
                                                         .expand = "conv_expand",
                                                         .hidden = b->network->v3
                                                                       ? vit_layer_divisible(quarter)
                                                                       : (int)lround(quarter / b->row->expand),
                                                         .act = b->network->v3 ? VIT_OP_relu : b->network->act,
                                                         .gate = b->network->gate});
}

static struct vit_tensor *mix(struct vit_graph *g, const struct block *b, const char *norm, struct vit_tensor *x)
{
    vit_layer_role(g, VIT_ROLE_TOKEN_MIX);
    x = conv_norm(g, vit_layer_name(g, "%s.conv_dw", b->name), norm, x, vit_conv_depthwise(b->row->kernel, b->stride));
    x = activate(g, norm, x, act_of(b));
    return squeeze(g, b, x);
}

static struct vit_tensor *separable(struct vit_graph *g, const struct block *b, struct vit_tensor *x)
{
    x = mix(g, b, vit_layer_name(g, "%s.bn1", b->name), x);
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    return conv_norm(g, vit_layer_name(g, "%s.conv_pw", b->name), vit_layer_name(g, "%s.bn2", b->name), x,
                     vit_conv_pointwise(b->row->width));
}

static struct vit_tensor *inverted(struct vit_graph *g, const struct block *b, struct vit_tensor *x)
{
    if (!x)
        return NULL;
    const char *bn1 = vit_layer_name(g, "%s.bn1", b->name);
    vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    x = conv_norm(g, vit_layer_name(g, "%s.conv_pw", b->name), bn1, x,
                  vit_conv_pointwise(vit_layer_divisible(b->row->expand * (double)x->dim[1])));
    x = activate(g, bn1, x, act_of(b));
    x = mix(g, b, vit_layer_name(g, "%s.bn2", b->name), x);
    vit_layer_role(g, VIT_ROLE_FFN_PROJECT);
    return conv_norm(g, vit_layer_name(g, "%s.conv_pwl", b->name), vit_layer_name(g, "%s.bn3", b->name), x,
                     vit_conv_pointwise(b->row->width));
}

static struct vit_tensor *pointwise(struct vit_graph *g, const struct block *b, struct vit_tensor *x)
{
    const char *bn1 = vit_layer_name(g, "%s.bn1", b->name);
    vit_layer_role(g, VIT_ROLE_FFN_EXPAND);
    x = conv_norm(g, vit_layer_name(g, "%s.conv", b->name), bn1, x, vit_conv_pointwise(b->row->width));
    return activate(g, bn1, x, act_of(b));
}

static struct vit_tensor *build_block(struct vit_graph *g, const struct block *b, struct vit_tensor *x)
{
    if (!x)
        return NULL;
    struct vit_tensor *y = b->row->kind == SEPARABLE  ? separable(g, b, x)
                           : b->row->kind == INVERTED ? inverted(g, b, x)
                                                      : pointwise(g, b, x);
    if (b->row->kind != POINTWISE && b->stride == 1 && x->dim[1] == b->row->width)
        y = vit_layer_residual(g, b->name, x, y);
    vit_graph_tap(g, b->name, y);
    return y;
}

static struct vit_tensor *build_blocks(struct vit_graph *g, const struct network *n, struct vit_tensor *x)
{
    int index = 0;
    for (const struct row *row = n->row; row->kind != END; row++) {
        index = row > n->row && row[-1].stage == row->stage ? index : 0;
        for (int i = 0; i < row->blocks; i++, index++) {
            g->site = (struct vit_site){.stage = row->stage, .block = index, .head = -1, .role = VIT_ROLE_NONE};
            const struct block b = {.network = n,
                                    .row = row,
                                    .name = vit_layer_name(g, "blocks.%d.%d", row->stage, index),
                                    .stride = i == 0 ? row->stride : 1};
            x = build_block(g, &b, x);
        }
    }
    return x;
}

/* (B, C, H, W) -> (B, C, 1, 1). */
static struct vit_tensor *pool(struct vit_graph *g, struct vit_tensor *x)
{
    x = vit_add_op(g, VIT_OP_reduce_mean, "global_pool", ((struct vit_attr){.axis = 2, .length = 2}), x);
    vit_graph_tap(g, "global_pool", x);
    return x ? vit_graph_reshape(g, x, 4, (int64_t[]){x->dim[0], x->dim[1], 1, 1}) : NULL;
}

static struct vit_tensor *build_head(struct vit_graph *g, const struct network *n, struct vit_tensor *x)
{
    struct vit_conv_shape head = vit_conv_pointwise(n->head);
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_HEAD};
    if (n->v3) {
        head.bias = true;
        x = activate(g, "conv_head", vit_layer_conv(g, "conv_head", pool(g, x), head), n->act);
    } else {
        x = activate(g, "bn2", conv_norm(g, "conv_head", "bn2", x, head), n->act);
        x = pool(g, x);
    }
    return x ? vit_graph_reshape(g, x, 2, (int64_t[]){x->dim[0], x->dim[1]}) : NULL;
}

static int build(struct vit_graph *g, const struct vit_model_config *c)
{
    const struct network *n = &networks[c->network];
    g->site = (struct vit_site){.stage = -1, .block = -1, .head = -1, .role = VIT_ROLE_EMBED};
    struct vit_tensor *x = conv_norm(g, "conv_stem", "bn1", g->input,
                                     (struct vit_conv_shape){.features = n->stem, .kernel = 3, .stride = 2, .pad = 1});
    x = activate(g, "bn1", x, n->act);
    vit_graph_tap(g, "bn1", x);
    x = build_head(g, n, build_blocks(g, n, x));
    x = vit_layer_dropout(g, "classifier", x, c->drop);
    g->logits = vit_layer_linear(g, "classifier", x, c->classes, true);
    return g->status;
}

/* As timm's: convolutions by fan-out (He 2015), of depthwise ones that of a group. */
static const struct vit_initial initial[] = {
    {"*bn[123].weight", VIT_INITIAL_CONSTANT, 1},
    {"*.bias", VIT_INITIAL_CONSTANT, 0},
    {"classifier.weight", VIT_INITIAL_FAN_IN, 0},
    {"*.weight", VIT_INITIAL_FAN_OUT, 0},
    {0},
};

const struct vit_model_family vit_family_mobilenet = {
    .name = "mobilenet",
    .build = build,
    .reference = "arXiv 1801.04381, 1905.02244, 1905.11946",
    .initial = initial,
};
