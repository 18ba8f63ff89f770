/* SPDX-License-Identifier: MIT */
/* initialize.h - random weights to begin training with, as timm draws them. A family lists how (vit_model_family's
 * initial); a tensor's values depend on the seed and its name alone. */
#pragma once

#include "model/zoo/model.h"

/* Fills parameters and buffers. VIT_EINVAL names a parameter that no row of the family fits. */
int vit_weights_initialize(struct vit_graph *graph, const struct vit_model_family *family, uint64_t seed);
