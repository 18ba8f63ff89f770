/* SPDX-License-Identifier: MIT */
/* channel_ranking.c - a global order of channels, and what it keeps. */
#include "analysis/channel_importance.h"
#include "model/base/status.h"

#include <stdlib.h>

struct ranked {
    double score;
    int group;
};

static int ascending(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->score == b->score)
        return a->group - b->group;
    return a->score < b->score ? -1 : 1;
}

int vit_channel_ranking_keep(const struct vit_importance *importance, enum vit_criterion criterion, double share,
                             bool *kept)
{
    const struct vit_channel_groups *groups = importance->groups;
    struct ranked *order = calloc((size_t)groups->n, sizeof *order);
    double total = 0, removed = 0;
    int n = 0;
    if (!order)
        return vit_fail(VIT_ENOMEM, "out of memory: a ranking of %d groups", groups->n);
    for (int i = 0; i < groups->n; i++) {
        const enum vit_group_kind kind = groups->group[i].kind;
        kept[i] = true;
        if (kind != VIT_GROUP_QK && kind != VIT_GROUP_V && kind != VIT_GROUP_FFN)
            continue;
        order[n++] = (struct ranked){vit_importance_score(importance, i, criterion), i};
        total += (double)vit_channel_group_elements(groups, i);
    }
    qsort(order, (size_t)n, sizeof *order, ascending);
    for (int i = 0; i < n && removed < share * total; i++) {
        kept[order[i].group] = false;
        removed += (double)vit_channel_group_elements(groups, order[i].group);
    }
    free(order);
    return VIT_OK;
}
