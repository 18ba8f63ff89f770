/* SPDX-License-Identifier: MIT */
/* training_settings.h - what the options of a training ask for, as the parts take it, and its text: two runs with the
 * same text do the same. */
#pragma once

#include "analysis/options.h"
#include "model/data/augment.h"
#include "model/data/mix.h"
#include "model/train/schedule.h"
#include "model/train/trainer.h"

/* Must not be moved: the schedule and the model point into it. */
struct vit_training_settings {
    struct vit_model_choice choice; /* the variant, changed by --set, --img and the classes of the data */
    struct vit_trainer_options trainer;
    struct vit_schedule schedule; /* steps_per_epoch and scaling by the batch are the run's to set */
    double lr;                    /* of --lr ... */
    int lr_images;                /* ... for this many images a step; 0: for any */
    char schedule_kind[32];
    bool by_epoch; /* the rate changes with epochs, not with steps */
    struct vit_preprocess preprocess;
    struct vit_augment augment;
    struct vit_mix mix;
};

/* Of options that are complete (analysis/recipe.h), for a variant and images of so many classes. VIT_EINVAL names the
 * option. */
int vit_training_settings_read(struct vit_training_settings *settings, const struct vit_options *options,
                               const struct vit_model_def *model, int classes);

/* One line "NAME=VALUE" per option that decides what is learned, batch for all ranks together; the caller frees it.
 * NULL: memory ran out. */
char *vit_training_settings_text(const struct vit_options *options, const char *model, int ranks);

/* VIT_EINVAL names the first option in which the texts differ: of the run in `folder`, and of this one. */
int vit_training_settings_compare(const char *there, const char *here, const char *folder);
