/* SPDX-License-Identifier: MIT */
/* study_model.h - the model of a study: written as an argument, or told by --weights; changed by --set. */
#pragma once

#include "analysis/image_stream.h"
#include "analysis/instance.h"
#include "analysis/options.h"
#include "analysis/recognise.h"

/* Must not be moved while open. */
struct vit_study_model {
    struct vit_recognised found;
    struct vit_model_def own;
    const struct vit_model_def *model;
};

/* spec: MODEL or MODEL[SETTINGS]; NULL: the model that options->weights tells (VIT_EINVAL without them). On failure
 * nothing is left to close. */
int vit_study_model_open(struct vit_study_model *model, const struct vit_options *options, const char *spec);
void vit_study_model_close(struct vit_study_model *model);

/* Images of --data in whole batches, for the gradients of a loss, or `images` of them where --images does not say.
 * VIT_EINVAL where their labels are not the network's classes. On failure vit_image_stream_close still has to be
 * called. */
int vit_study_images_open(struct vit_image_stream *stream, const struct vit_options *options,
                          const struct vit_instance *net, int64_t images);
