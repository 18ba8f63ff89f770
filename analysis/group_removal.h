/* SPDX-License-Identifier: MIT */
/* group_removal.h - the true change of the loss when single groups of channels are masked: what Taylor scores predict
 * (analysis/importance.h). */
#pragma once

#include "analysis/channel_group.h"
#include "model/exec.h"

struct vit_group_removal {
    const struct vit_channel_groups *groups;
    int *group; /* (n): which of them are masked, one at a time */
    int n;
    double *loss; /* (n + 1): sums over images; the last of the whole network */
    vit_real *kept;
    int64_t images;
};

/* Up to `most` groups of each kind, drawn from the seed, in the order of the groups. groups outlives it. On failure
 * nothing is left to close. */
int vit_group_removal_open(struct vit_group_removal *removal, const struct vit_channel_groups *groups, int most,
                           uint64_t seed);
void vit_group_removal_close(struct vit_group_removal *removal);

/* Runs the batch at hand whole and without each group; the graph of exec is that of the groups.
 * label (count): classes. */
void vit_group_removal_add(struct vit_group_removal *removal, struct vit_exec *exec, int count, const int *label);

/* Mean over images, of item i < n: minus the whole network's. */
double vit_group_removal_change(const struct vit_group_removal *removal, int item);
double vit_group_removal_whole(const struct vit_group_removal *removal);
