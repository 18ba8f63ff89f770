/* SPDX-License-Identifier: MIT */
/* layers.h - composites that several families share: a module with its parameters and the operators it runs.
 * `name` is the module's name; parameters are NAME.weight and so on. All follow the sticky status of the graph:
 * after a failure they return NULL. */
#pragma once

#include "model/graph.h"
#include "model/zoo/block_layout.h"

/* printf into the graph's arena, or "" after a failure. */
const char *vit_layer_name(struct vit_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct vit_tensor *vit_layer_param(struct vit_graph *g, const char *name, int ndim, const int64_t *dim);

/* (..., K) -> (..., features). */
struct vit_tensor *vit_layer_linear(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t features,
                                    bool bias);

/* (..., C) -> same. */
struct vit_tensor *vit_layer_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps);

/* (..., C) -> same: layer norm with eps, or batch norm of the channels with PyTorch's eps over all that is before them.
 */
struct vit_tensor *vit_layer_norm_by(struct vit_graph *g, const char *name, struct vit_tensor *x, enum vit_norm norm,
                                     double eps);

/* Running statistics are buffers. (B, C, ...) -> same. */
struct vit_tensor *vit_layer_batch_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps);

struct vit_conv_shape {
    int features; /* output channels; depthwise: as the input's */
    int kernel, stride, pad;
    bool depthwise, bias;
};

/* (B, C, H, W) -> (B, features, H', W'). */
struct vit_tensor *vit_layer_conv(struct vit_graph *g, const char *name, struct vit_tensor *x, struct vit_conv_shape s);

/* The operator NAME.act. */
struct vit_tensor *vit_layer_act(struct vit_graph *g, const char *name, struct vit_tensor *x, enum vit_act act);

struct vit_mlp {
    int64_t hidden;
    enum vit_act act;
    double drop;         /* rate after the activation and after fc2 */
    const char *tap_fc1; /* names the value before the activation; NULL: not of interest */
};

/* fc1, activation, fc2 on (..., C). */
struct vit_tensor *vit_layer_mlp(struct vit_graph *g, const char *name, struct vit_tensor *x, struct vit_mlp mlp);

struct vit_attention {
    int heads, qk, v;        /* widths of a head: of query and key, of the value */
    bool split;              /* head h sees channels h C / heads to (h + 1) C / heads alone */
    double drop;             /* rate after the projection */
    struct vit_tensor *bias; /* (heads, N, N), or NULL */
    struct vit_tensor *mask; /* (windows, 1, N, N) added to the scores of each window of an image, or NULL */
};

/* Heads of a block as the configuration has them, without bias and mask. */
struct vit_attention vit_layer_heads(const struct vit_model_config *c, struct vit_block_place place);

/* Multi-head self-attention over the N items of each of the first axis' items: (W, N, C) -> (W, N, C), W = batch *
 * windows. softmax(q k^T / sqrt(qk) + bias + mask) v, then a projection from heads * v channels. The rows of qkv are q,
 * k, v, each by head; of split heads it has C / heads columns. */
struct vit_tensor *vit_layer_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       struct vit_attention a);

/* In a graph that is trained, of a rate above 0: NAME.drop and NAME.drop_path; else x. */
struct vit_tensor *vit_layer_dropout(struct vit_graph *g, const char *name, struct vit_tensor *x, double rate);
struct vit_tensor *vit_layer_drop_path(struct vit_graph *g, const char *name, struct vit_tensor *x, double rate);

/* Convolution and norm of the channels: NAME.conv, and NAME.bn or, by way of a map with the channels last, NAME.ln. */
struct vit_tensor *vit_layer_conv_norm(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       struct vit_conv_shape s, enum vit_norm norm);

static inline struct vit_conv_shape vit_conv_pointwise(int64_t features)
{
    return (struct vit_conv_shape){.features = (int)features, .kernel = 1, .stride = 1};
}

static inline struct vit_conv_shape vit_conv_depthwise(int kernel, int stride)
{
    return (struct vit_conv_shape){.kernel = kernel, .stride = stride, .pad = kernel / 2, .depthwise = true};
}

/* Nearest multiple of 8, at least 8, and not below 90 % of the value (the rule of MobileNet). */
int vit_layer_divisible(double value);

struct vit_squeeze {
    const char *reduce, *expand; /* names of the two 1x1 convolutions, which have biases */
    int hidden;
    enum vit_op_kind act, gate;
};

/* Squeeze-excite: x * gate(expand(act(reduce(mean over positions)))); (B, C, H, W) -> same. A tap of its name. */
struct vit_tensor *vit_layer_squeeze_excite(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                            struct vit_squeeze s);

/* x + branch, as the operator NAME. */
struct vit_tensor *vit_layer_residual(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                      struct vit_tensor *branch);

/* The logits of a second head beside graph->logits: evaluation takes the mean of both, training each its own. */
void vit_layer_distill(struct vit_graph *g, struct vit_tensor *logits);

/* Sets role for the operators that follow and returns the role before. */
enum vit_role vit_layer_role(struct vit_graph *g, enum vit_role role);
