/* SPDX-License-Identifier: MIT */
/* redundancy_measure.h - measures one model for a study of redundancy. */
#pragma once

#include "analysis/image_stream.h"
#include "analysis/instance.h"
#include "analysis/redundancy.h"
#include "analysis/study_model.h"

enum { VIT_REDUNDANCY_RESAMPLES = 1000 };

/* Must not be moved while open: its parts point at each other. */
struct vit_redundancy_measurement {
    const struct vit_options *options;
    struct vit_study_model chosen;
    struct vit_instance net;
    struct vit_image_stream images;
    struct vit_redundancy result;
    char weights[400];
};

/* Runs --images images of --data (default: 64, 8 at a time) through the model of spec (NULL: that of --weights), with
 * --graph, or the eager one where that lacks what is compared. On failure nothing is left to close. */
int vit_redundancy_measure(struct vit_redundancy_measurement *measurement, const struct vit_options *options,
                           const char *spec, int number);
void vit_redundancy_measurement_close(struct vit_redundancy_measurement *measurement);
