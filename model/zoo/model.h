/* SPDX-License-Identifier: MIT */
/* model.h - model families and their variants. A family is one file in model/zoo/ that builds the eager graph from
 * numbers (vit_model_config); a variant is one row in models.def. Parameter names are those of timm's state_dict. */
#pragma once

#include "model/graph.h"
#include "model/zoo/config.h"

/* What a parameter is filled with when training begins. */
enum vit_initial_kind {
    VIT_INITIAL_CONSTANT, /* value */
    VIT_INITIAL_NORMAL,   /* mean 0, standard deviation value, drawn again outside [-2, 2]: timm's trunc_normal_ */
    VIT_INITIAL_FAN_IN,   /* uniform within 1 / sqrt(fan_in of the weight): torch's own of convolutions and linears */
    VIT_INITIAL_FAN_OUT,  /* normal, standard deviation sqrt(2 / fan_out): of convolutions before a ReLU (He 2015) */
};

struct vit_initial {
    const char *name; /* pattern of fnmatch: "*.bn.weight" */
    enum vit_initial_kind kind;
    double value;
};

struct vit_model_family {
    const char *name; /* "efficientvit", "deit", "swin" */
    int (*build)(struct vit_graph *graph, const struct vit_model_config *config);
    const char *reference; /* paper */
    /* How training begins (model/train/initialize.h): the first row that fits a name decides; ends with a zeroed row.
     */
    const struct vit_initial *initial;
};

struct vit_model_def {
    const char *name;    /* of configurations of our own: "deit_tiny[depth=6]" */
    const char *variant; /* the row it is, or comes from; NULL: of neither */
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

enum { VIT_MODEL_LABEL = 128 };

/* A variant with settings of its own. Must not be moved: model.name is label. */
struct vit_model_choice {
    struct vit_model_def model;
    char label[VIT_MODEL_LABEL]; /* NAME, or NAME[SETTINGS] with what differs from the variant but img and classes, cut
                                    where it is long */
};

/* spec: "deit_tiny" or "deit_tiny[depth=6 heads=4]" (model/zoo/config.h). Whether a network of these numbers can exist
 * is told when it is built. */
int vit_model_choose(struct vit_model_choice *choice, const char *spec);

/* Changes the model, and its label; settings may be NULL: none. */
int vit_model_change(struct vit_model_choice *choice, const char *settings);

/* What to build; zeroes mean the variant's own numbers. */
struct vit_model_options {
    int batch; /* 0: 1 */
    int img, classes;
    const char *graph; /* "eager", "folded" or "train"; NULL: eager */
};

/* Builds the graph of a variant (rewritten to the variant of graph asked for). Close the graph even after a failure is
 * not needed: on failure nothing is left to close. */
int vit_model_build(struct vit_graph *graph, const struct vit_model_def *model, struct vit_model_options options);

/* Learned numbers that a forward of this graph needs: after folding, folded weights count and folded norms do not. */
int64_t vit_graph_parameters(struct vit_graph *graph);
