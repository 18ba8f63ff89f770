/* SPDX-License-Identifier: MIT */
/* layers.h - composites that several families share: a module with its parameters and the operators it runs.
 * `name` is the module's name; parameters are NAME.weight and so on. All follow the sticky status of the graph:
 * after a failure they return NULL. */
#pragma once

#include "model/graph.h"

/* printf into the graph's arena, or "" after a failure. */
const char *vit_layer_name(struct vit_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct vit_tensor *vit_layer_param(struct vit_graph *g, const char *name, int ndim, const int64_t *dim);

/* (..., K) -> (..., features). */
struct vit_tensor *vit_layer_linear(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t features,
                                    bool bias);

/* (..., C) -> same. */
struct vit_tensor *vit_layer_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps);

/* Running statistics are buffers. (B, C, ...) -> same. */
struct vit_tensor *vit_layer_batch_norm(struct vit_graph *g, const char *name, struct vit_tensor *x, double eps);

struct vit_conv_shape {
    int features; /* output channels; depthwise: as the input's */
    int kernel, stride, pad;
    bool depthwise, bias;
};

/* (B, C, H, W) -> (B, features, H', W'). */
struct vit_tensor *vit_layer_conv(struct vit_graph *g, const char *name, struct vit_tensor *x, struct vit_conv_shape s);

/* fc1, GELU, fc2 on (..., C); tap_fc1 names the value before GELU, or NULL. */
struct vit_tensor *vit_layer_mlp(struct vit_graph *g, const char *name, struct vit_tensor *x, double ratio,
                                 const char *tap_fc1);

struct vit_attention {
    int heads;
    struct vit_tensor *bias; /* (heads, N, N), or NULL */
    struct vit_tensor *mask; /* (windows, 1, N, N) added to the scores of each window of an image, or NULL */
};

/* Multi-head self-attention over the N items of each of the first axis' items: (W, N, C) -> (W, N, C), W = batch *
 * windows. softmax(q k^T / sqrt(C / heads) + bias + mask) v, then a projection; qkv is one linear with rows q, k, v,
 * each by head. */
struct vit_tensor *vit_layer_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       struct vit_attention a);

/* x + branch, as the operator NAME. */
struct vit_tensor *vit_layer_residual(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                      struct vit_tensor *branch);

/* Sets role for the operators that follow and returns the role before. */
enum vit_role vit_layer_role(struct vit_graph *g, enum vit_role role);
