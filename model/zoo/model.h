/* SPDX-License-Identifier: MIT */
/* model.h - model families and their variants. A family is one file in model/zoo/ that builds the eager graph from
 * numbers (vit_model_config); a variant is one row in models.def. Parameter names are those of timm's state_dict. */
#pragma once

#include "model/graph.h"

enum { VIT_MAX_STAGES = 4, VIT_MAX_HEADS_KERNELS = 4 };

/* Numbers that define a variant. Families read what they need; DeiT is one stage. */
struct vit_model_config {
    int img; /* height and width of the input */
    int classes;
    int patch; /* side of a patch; EfficientViT: total stride of the patch embedding, 16 */
    int stages;
    int embed_dim[VIT_MAX_STAGES];
    int depth[VIT_MAX_STAGES];
    int heads[VIT_MAX_STAGES];
    int window[VIT_MAX_STAGES];         /* largest side of an attention window */
    int key_dim;                        /* EfficientViT: width of query and key of a head */
    int kernels[VIT_MAX_HEADS_KERNELS]; /* EfficientViT: side of the depthwise convolution on the query of head h */
    int ffn_ratio;
    bool distilled; /* DeiT: a second token and head */
};

struct vit_model_family {
    const char *name; /* "efficientvit", "deit", "swin" */
    int (*build)(struct vit_graph *graph, const struct vit_model_config *config);
    const char *reference; /* paper */
};

struct vit_model_def {
    const char *name;
    const struct vit_model_family *family;
    const char *timm;       /* published weights: "efficientvit_m0.r224_in1k"; NULL for configurations of our own */
    double crop_percentage; /* of the published evaluation: resize to img / crop_percentage, then centre crop */
    struct vit_model_config config;
};

extern const struct vit_model_def vit_models[];
extern const int vit_n_models;

/* NULL, with a message that lists near names, if there is none. */
const struct vit_model_def *vit_model_find(const char *name);

/* NULL, with a message that lists them, if there is no such family. */
const struct vit_model_family *vit_model_family_find(const char *name);

/* What to build; zeroes mean the variant's own numbers. */
struct vit_model_options {
    int batch; /* 0: 1 */
    int img, classes;
    const char *graph; /* "eager" or "folded"; NULL: eager */
};

/* Builds the graph of a variant (rewritten to the variant of graph asked for). Close the graph even after a failure is
 * not needed: on failure nothing is left to close. */
int vit_model_build(struct vit_graph *graph, const struct vit_model_def *model, struct vit_model_options options);

/* Learned numbers that a forward of this graph needs: after folding, folded weights count and folded norms do not. */
int64_t vit_graph_parameters(struct vit_graph *graph);
