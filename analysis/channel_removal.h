/* SPDX-License-Identifier: MIT */
/* channel_removal.h - a network without some of its groups of channels (analysis/channel_group.h): narrower, with the
 * weights that are left. Its logits are those of the whole network with these groups masked, to rounding; where
 * channels of query and key go, what is left of the query is scaled to the 1 / sqrt(width) of the narrower head.
 * Embedding channels are the exception: the norms of the narrower network do not see them any more, those of a masked
 * one do. */
#pragma once

#include "analysis/channel_group.h"
#include "model/zoo/model.h"

/* Whether groups of a kind can be taken out of a network alone, and what is left is one that a configuration describes:
 * VIT_ENOTSUP tells why not. A cascade adds the channels of a head to those of the next by their place, and heads that
 * see a slice share the width by their number. */
int vit_channel_kind_removable(const struct vit_model_def *model, enum vit_group_kind kind);

/* Changes config, the model's own, to what is left without the groups i for which removed[i]: the groups are those of
 * the model's graph. VIT_EINVAL names what would not be regular (all heads of a block are equally wide) or empty. */
int vit_channel_removal_config(struct vit_model_config *config, const struct vit_model_def *model,
                               const struct vit_channel_groups *groups, const bool *removed);

/* Parameters and buffers of `whole` that are left, into the graph of that configuration; both have memory. */
int vit_channel_removal_weights(struct vit_graph *narrow, const struct vit_graph *whole,
                                const struct vit_channel_groups *groups, const bool *removed);
