/* SPDX-License-Identifier: MIT */
/* channel_measure.h - scores of the groups of channels of one model, and the loss without some of them. */
#pragma once

#include "analysis/group_removal.h"
#include "analysis/image_stream.h"
#include "analysis/importance.h"
#include "analysis/instance.h"
#include "analysis/study_model.h"

/* The network there and back, and a second one that is only run there, for masks. Must not be moved while open: its
 * parts point at each other. */
struct vit_channel_measurement {
    const struct vit_options *options;
    struct vit_study_model chosen;
    struct vit_instance net, judge;
    struct vit_image_stream images;
    struct vit_channel_groups groups, judged;
    struct vit_importance importance;
    struct vit_group_removal removal;
};

/* Runs --images images of --data (default: 256, 32 at a time) through the model of spec (NULL: that of --weights),
 * there and back, and through it without each of some groups of every kind. On failure nothing is left to close. */
int vit_channel_measure(struct vit_channel_measurement *m, const struct vit_options *options, const char *spec);
void vit_channel_measurement_close(struct vit_channel_measurement *m);
