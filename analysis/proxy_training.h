/* SPDX-License-Identifier: MIT */
/* proxy_training.h - accuracy of a configuration by training it from random weights on a data set that may stand for
 * ImageNet: what studies that compare configurations ask of each, all with the same recipe and seed. */
#pragma once

#include "analysis/options.h"
#include "analysis/results.h"

/* What a figure lets its networks learn, by recipe "fashion", where the command line does not say otherwise. */
struct vit_proxy_lesson {
    const char *data, *val, *epochs;        /* val: where --data is not given either */
    const char *batch, *lr, *warmup_epochs; /* NULL: the recipe's */
    const char *set;                        /* the network ... */
    int img;                                /* ... and the side of its input */
};

/* Swin-T and DeiT-T with the paper's blocks and heads, narrow, that more than one figure looks into. In one folder
 * (vit_unit) they learn once, so lessons of a budget must be the same. */
#define VIT_PROXY_SWIN_SET "patch=2 window=4 embed_dim=48,96,192,384"
#define VIT_PROXY_DEIT_SET "patch=4 embed_dim=96"
#define VIT_PROXY_SWIN_FOLDER "network.swin_tiny"
#define VIT_PROXY_DEIT_FOLDER "network.deit_tiny"
enum { VIT_PROXY_SWIN_IMG = 32, VIT_PROXY_DEIT_IMG = 28 };

int vit_proxy_training_choose(struct vit_options *options, const struct vit_proxy_lesson *lesson);

struct vit_proxy_training {
    const struct vit_options *options; /* data, val, epochs, recipe, ... of a training; its set does not count */
    const char *model;                 /* NAME or NAME[SETTINGS] ... */
    const char *set;                   /* ... changed by these settings; "": none */
    int img;                           /* side of its input */
    const char *folder;                /* keeps checkpoints: the same training goes on after a kill */
};

/* The training alone, as `vitscope train` does it: FOLDER/final.safetensors and its other files. */
int vit_proxy_training_learn(const struct vit_proxy_training *p);

/* Adds top1_pct, of the last epoch on --val, with its interval over images and its data set, and train_images_per_s. A
 * training whose loss is no number any more, or that has no images to test on, is a result without a value. */
int vit_proxy_training_run(const struct vit_proxy_training *p, struct vit_results *results);

/* Gives a top-1 accuracy (%) its 95 % interval over the images of val that it is of (Wilson's); none where val is not
 * told or the accuracy absent. */
int vit_proxy_top1_interval(struct vit_result *top1, const char *val);
