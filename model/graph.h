/* SPDX-License-Identifier: MIT */
/* graph.h - a network described as operators in execution order; owns tensors, operators, taps and regions.
 * Builder calls never need checking one by one: the first failure sticks in graph->status, later calls are
 * no-ops that return NULL. */
#pragma once

#include "model/base/arena.h"
#include "model/op.h"

/* A named inner result that can be compared with a reference or read by a study. */
struct vit_tap {
    const char *name;
    struct vit_tensor *tensor;
};

/* A named part of a tensor with its place in the network: head 3 of block 2 is the same thing whether heads share one
 * tensor (DeiT, Swin: axis 1) or have one each (EfficientViT: axis -1, the whole tensor). */
struct vit_region {
    const char *block; /* module name: "blocks.0.attn" */
    struct vit_site site;
    struct vit_tensor *tensor;
    int axis; /* -1: all of the tensor */
    int64_t start, length;
    bool channels_first; /* its last two dims are (channels, tokens), not (tokens, channels) */
};

struct vit_graph {
    struct vit_arena arena;
    struct vit_tensor **tensor;
    int n_tensor, capacity_tensor;
    struct vit_op **op;
    int n_op, capacity_op;
    struct vit_tap *tap;
    int n_tap, capacity_tap;
    struct vit_region *region;
    int n_region, capacity_region;
    struct vit_tensor *input, *logits;   /* (batch, 3, img, img), (batch, classes); never share memory with others */
    struct vit_tensor *logits_distilled; /* train graph of a model with a distillation head: logits are then the other
                                            head's alone; else NULL */
    struct vit_tensor *targets, *loss; /* (batch, classes) probabilities, (1): of graphs that are trained; else NULL */
    struct vit_tensor *teacher; /* (batch, classes) logits of a teacher: of graphs that learn from one; else NULL */
    struct vit_tensor *noise;   /* input of dropout and stochastic depth (model/noise.h); NULL: the graph has neither */
    bool training;              /* builders add what only training has */
    struct vit_site site;       /* given to operators that are added */
    const char *name;           /* of the model */
    const char *variant, *family, *config; /* what the model is of, its settings (model/zoo/config.h); NULL: no model */
    int batch;
    int status;
};

/* An operator: attributes by name, inputs in the order its file documents. Returns its first output. */
struct vit_tensor *vit_graph_op(struct vit_graph *graph, enum vit_op_kind kind, const char *name, struct vit_attr attr,
                                int n_in, struct vit_tensor *const *in);

/* Shorthand: inputs listed in place. `vit_add_op(g, VIT_OP_add, name, ((struct vit_attr){0}), a, b)` */
#define vit_add_op(graph, kind, name, attr, ...)                                                    \
    vit_graph_op((graph), (kind), (name), (attr),                                                   \
                 (int)(sizeof((struct vit_tensor *[]){__VA_ARGS__}) / sizeof(struct vit_tensor *)), \
                 (struct vit_tensor *[]){__VA_ARGS__})

/* The operator added last reads weights only: it runs once, when weights are loaded, and its outputs are derived
 * weights. */
void vit_graph_once(struct vit_graph *graph);

/* A tensor without an operator: input, weights. name is copied. */
struct vit_tensor *vit_graph_tensor(struct vit_graph *graph, const char *name, enum vit_space space, int ndim,
                                    const int64_t *dim);

/* A constant; the values (zeroed here) are for the caller to fill: *values has vit_numel elements. */
struct vit_tensor *vit_graph_constant(struct vit_graph *graph, const char *name, int ndim, const int64_t *dim,
                                      vit_real **values);

/* A view with the same elements in another shape: free. One dim may be -1. */
struct vit_tensor *vit_graph_reshape(struct vit_graph *graph, struct vit_tensor *tensor, int ndim, const int64_t *dim);

/* A view of items start .. start+length of the first axis: free. */
struct vit_tensor *vit_graph_range(struct vit_graph *graph, struct vit_tensor *tensor, int64_t start, int64_t length);

/* The operator that writes the tensor (or the base of the view); NULL for inputs and weights. */
struct vit_op *vit_graph_producer(const struct vit_graph *graph, const struct vit_tensor *tensor);

void vit_graph_tap(struct vit_graph *graph, const char *name, struct vit_tensor *tensor);
void vit_graph_region(struct vit_graph *graph, struct vit_region region);

/* printf into the graph's arena: names. */
#define vit_graph_name(graph, ...) vit_arena_print(&(graph)->arena, __VA_ARGS__)

/* Records the first failure: returns NULL for use in builders. */
struct vit_tensor *vit_graph_fail(struct vit_graph *graph, int status);

void vit_graph_close(struct vit_graph *graph);
