/* SPDX-License-Identifier: MIT */
/* network_scale.h - a network made larger or smaller in all its stages alike, and the search for the scale at which
 * something (images per second, multiply-accumulates, parameters) has a wanted value. How the networks of the paper's
 * Fig. 3 and table 6 were brought to the same throughput is not known; here the width comes first, since its steps are
 * fine, and blocks are added or taken away only where no width is near enough. */
#pragma once

#include "model/zoo/model.h"

struct vit_scale {
    double width; /* factor of all embedding widths, each to one of the two nearest that its heads and patches divide */
    int blocks;   /* added to the stage that has most, the last of equals; below 0: taken away */
};

/* VIT_EINVAL for a scale that leaves no network, and for networks that have no common width: convolutional ones, those
 * with widths of single blocks. */
int vit_network_scale(struct vit_model_config *config, const char *family, struct vit_scale scale);

/* Value of the network, as measured or counted. VIT_EINVAL: it cannot exist. */
typedef int (*vit_network_value)(void *context, const struct vit_model_config *config, double *value);

struct vit_scale_search {
    const struct vit_model_config *config; /* scale 1 */
    const char *family;
    double target;    /* value that is wanted, above 0 */
    double tolerance; /* 0.03: a value within 3 % of it is near enough */
    bool falls;       /* the value of a larger network is lower: images per second */
    vit_network_value value;
    void *context;
};

struct vit_scale_found {
    struct vit_model_config config;
    struct vit_scale scale;
    double value;
    int tried;    /* networks whose value was asked for */
    bool reached; /* within the tolerance; else the nearest of those tried */
};

/* The same scale for the same values. VIT_EINVAL where not even scale 1 exists. */
int vit_network_search(struct vit_scale_found *found, const struct vit_scale_search *search);
