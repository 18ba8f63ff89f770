/* SPDX-License-Identifier: MIT */
/* speed_unit.h - images per second of a model by the paper's protocol (batch 16, one thread, norms folded), and its
 * exact counts: what Table 2 and Fig. 1 share. */
#pragma once

#include "analysis/reproduction.h"
#include "model/zoo/model.h"

/* Plans one unit for each model that the budget has time for: EfficientViT, networks to compare with, transformers. */
int vit_speed_units_plan(struct vit_reproduction *reproduction);

/* For finish: the model of the unit, and its results as MODEL.NAME: images_per_s (with quartiles), macs_M, params_M. */
const struct vit_model_def *vit_speed_unit_model(const struct vit_unit *unit);
void vit_speed_units_name(struct vit_reproduction *reproduction);

/* Adds A_by_B.images_per_s_ratio of two models of the zoo where both were measured. */
void vit_speed_ratio(struct vit_reproduction *reproduction, const char *a, const char *b);

/* "folded graph, batch 16, 1 thread, 10 s of warm-up, 60 s": for subtitles. */
void vit_speed_settings(const struct vit_reproduction *reproduction, char *text, size_t size);
