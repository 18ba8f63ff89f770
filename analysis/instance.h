/* SPDX-License-Identifier: MIT */
/* instance.h - a model ready to run: graph, plan, memory, weights, input. */
#pragma once

#include "analysis/recognise.h"
#include "model/data/preprocess.h"
#include "model/train/optimizer.h"
#include "model/weights/weights.h"
#include "model/zoo/model.h"

enum { VIT_INSTANCE_SPEC = 4096 };

struct vit_instance_options {
    struct vit_model_options model;
    const char *set; /* settings that change the model (model/zoo/config.h); NULL: none */
    int threads;
    bool keep_taps;
    const char *kernel;    /* implementations to prefer (model/plan.h); NULL: defaults */
    bool backward;         /* loss against graph.targets (image i is of class i), and gradients of parameters ... */
    bool input_gradient;   /* ... and of the input */
    const char *recompute; /* model/plan.h */
    const char
        *optimizer;      /* of a graph that goes back (model/train/optimizer.h): opened with its defaults; NULL: none */
    const char *weights; /* NULL: generated from the seed */
    uint64_t seed;
};

/* Must not be moved while open: the parts point to each other. */
struct vit_instance {
    const struct vit_model_def *model;
    struct vit_recognised own;    /* what model is, where it was opened by name ... */
    char spec[VIT_INSTANCE_SPEC]; /* ... and that name */
    struct vit_instance_options options;
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    struct vit_optimizer optimizer;    /* zeroed without one */
    struct vit_weights_report weights; /* zeroed for generated weights */
    char input[512];                   /* what the input is: "generated, seed 1", a file's name */
};

/* model: as vit_recognise_model takes it; a weight file brings its weights too, unless options name others. Weights are
 * loaded and prepared; the input is the generated one. On failure nothing is left to close. */
int vit_instance_open(struct vit_instance *instance, const char *model, const struct vit_instance_options *options);

/* The same for a variant that need not be in the zoo; model must outlive the instance. */
int vit_instance_open_model(struct vit_instance *instance, const struct vit_model_def *model,
                            const struct vit_instance_options *options);
void vit_instance_close(struct vit_instance *instance);

/* Replaces the input by images of a file or dataset (model/data/dataset.h), preprocessed as the published evaluation of
 * the model; an image or dataset of fewer images than the batch is repeated. */
int vit_instance_read_images(struct vit_instance *instance, const char *spec);

/* The same with one image file, nothing else. */
int vit_instance_read_image(struct vit_instance *instance, const char *path);

/* What timm's evaluation of a model does with an image, for an input of side img; and of this model. */
struct vit_preprocess vit_model_preprocess(const struct vit_model_def *model, int img);
struct vit_preprocess vit_instance_preprocess(const struct vit_instance *instance);
