/* SPDX-License-Identifier: MIT */
/* group_attention.h - attention of EfficientViT (arXiv 2305.07027, section 3.1), a module for each head: cascaded group
 * attention, in which head h sees its slice of the channels plus the output of head h-1, and its variants of table 6.
 */
#pragma once

#include "model/zoo/layers.h"

/* (B, C, side, side) -> same, in windows where the map is larger than one. */
struct vit_tensor *vit_group_attention(struct vit_graph *g, const char *name, struct vit_tensor *x,
                                       const struct vit_model_config *c, struct vit_block_place place);
