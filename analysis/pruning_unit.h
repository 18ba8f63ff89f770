/* SPDX-License-Identifier: MIT */
/* pruning_unit.h - one network of the paper's Fig. 5 as a unit of work: trained on a proxy, its channels scored and the
 * scores checked, pruned by several criteria to the budget that the paper's widths leave of Swin-T, fine-tuned; and the
 * network with widths by the scores, at the cost of the whole one, trained like it. */
#pragma once

#include "analysis/reproduction.h"
#include "analysis/importance.h"

/* The context of a unit; options are those of a training. */
struct vit_pruning_work {
    const char *model, *set; /* what is pruned: a network of 12 blocks */
    int img;                 /* side of its input */
    int rounds, batches;     /* of pruning; batches of each round */
    int checked;             /* images that groups are masked on, one at a time */
    int finetune_epochs;     /* of the network pruned by the first criterion */
};

/* What it is pruned by, each from the whole network: the paper's first. */
enum { VIT_PRUNING_CRITERIA = 3 };
extern const enum vit_criterion vit_pruning_criteria[VIT_PRUNING_CRITERIA];

/* A unit's measure. Results: budget_macs_pct; NETWORK.params, NETWORK.macs and NETWORK.top1_pct of whole, pruned,
 * finetuned and reallocated, speed_ratio (whole / pruned, in pairs); KIND.blockB.before_ratio and after_ratio of qk, v
 * and ffn, and the same after "untrained.", of a network that has learned nothing; CRITERION.roundR.macs_pct and
 * top1_pct; check.KIND.pearson and spearman, of predicted and true changes of the loss. Keeps the pruned networks in
 * its folder, and importance/check.csv. */
int vit_pruning_measure(struct vit_reproduction *reproduction, const struct vit_unit *unit,
                        struct vit_results *results);

/* Of a unit of vit_pruning_measure; NULL for another. */
const struct vit_pruning_work *vit_pruning_work_of(const struct vit_unit *unit);

/* For finish: widths.csv (a row per network, kind and block, the paper's too) and accuracy.csv (a row per network that
 * was tested), drawn as fig5; the scores' check of each network (pruning_figure.c). */
int vit_pruning_figure(const struct vit_reproduction *reproduction, const char *subtitle);
