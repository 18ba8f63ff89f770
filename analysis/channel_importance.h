/* SPDX-License-Identifier: MIT */
/* channel_importance.h - what `vitscope study importance` finds, and its files, tables and figures. */
#pragma once

#include "analysis/group_removal.h"
#include "analysis/importance.h"
#include "analysis/options.h"
#include "reports/sink.h"

/* Of the parameters in query/key, value and FFN groups, how many the ranking removes. */
#define VIT_REMOVED_SHARE 0.3

struct vit_channel_importance {
    const char *model, *family, *settings, *folder;
    const struct vit_importance *importance;
    const struct vit_group_removal *removal; /* of the same groups */
};

/* What a ranking of all QK, V and FFN groups by one criterion keeps: kept[group], until `share` of their parameters are
 * removed. Groups are ranked by score alone, as Molchanov et al. rank them; a tie keeps the later one. */
int vit_channel_ranking_keep(const struct vit_importance *importance, enum vit_criterion criterion, double share,
                             bool *kept);

/* scores.csv, blocks.csv, check.csv, correlation.csv. */
int vit_channel_importance_write(const struct vit_channel_importance *result);
int vit_channel_importance_print(const struct vit_channel_importance *result, const struct vit_options *options);
int vit_channel_importance_draw(const struct vit_channel_importance *result);

/* Rows of blocks.csv, the paper's behind them (of Swin). */
extern const struct vit_schema vit_channel_block_schema;
int vit_channel_importance_put_blocks(const struct vit_channel_importance *result, struct vit_sink *sink,
                                      const bool *kept);

/* Over the masked groups of a kind (VIT_N_GROUP_KINDS: all): criterion -1: predicted against true change; else a score
 * against the size of the true change, ranks alone. */
struct vit_channel_correlation {
    double pearson, spearman; /* NaN: not defined */
    int n;
};
int vit_channel_importance_correlate(const struct vit_channel_importance *result, int kind, int criterion,
                                     struct vit_channel_correlation *correlation);
const char *vit_channel_kind_text(int kind); /* "qk", ..., "all" */
