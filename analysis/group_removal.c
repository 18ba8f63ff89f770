/* SPDX-License-Identifier: MIT */
#include "analysis/group_removal.h"

#include "analysis/logit_row.h"
#include "model/base/rng.h"
#include "model/base/status.h"

#include <stdlib.h>

/* Resamples, choices of images and random scores are other indices of the same purpose. */
static const uint64_t choice_of_groups = UINT64_C(3) << 32;

static int ascending(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static void choose(struct vit_group_removal *removal, int64_t *of_kind, int most, struct vit_rng *rng)
{
    const struct vit_channel_groups *groups = removal->groups;
    for (int kind = 0; kind < VIT_N_GROUP_KINDS; kind++) {
        int64_t n = 0;
        for (int i = 0; i < groups->n; i++)
            if ((int)groups->group[i].kind == kind)
                of_kind[n++] = i;
        vit_rng_shuffle(rng, of_kind, n);
        for (int64_t i = 0; i < n && i < most; i++)
            removal->group[removal->n++] = (int)of_kind[i];
    }
    qsort(removal->group, (size_t)removal->n, sizeof *removal->group, ascending);
}

int vit_group_removal_open(struct vit_group_removal *removal, const struct vit_channel_groups *groups, int most,
                           uint64_t seed)
{
    struct vit_rng rng = vit_rng_at(seed, VIT_RNG_STUDY, choice_of_groups);
    int64_t *of_kind = calloc((size_t)groups->n, sizeof *of_kind), largest = 1;
    for (int i = 0; i < groups->n; i++)
        if (vit_channel_group_elements(groups, i) > largest)
            largest = vit_channel_group_elements(groups, i);
    *removal = (struct vit_group_removal){.groups = groups,
                                          .group = calloc((size_t)(most * VIT_N_GROUP_KINDS), sizeof(int)),
                                          .loss = calloc((size_t)(most * VIT_N_GROUP_KINDS + 1), sizeof(double)),
                                          .kept = calloc((size_t)largest, sizeof(vit_real))};
    int status = VIT_OK;
    if (of_kind && removal->group && removal->loss && removal->kept)
        choose(removal, of_kind, most, &rng);
    else
        status = vit_fail(VIT_ENOMEM, "out of memory: removal of channels");
    free(of_kind);
    if (status != VIT_OK)
        vit_group_removal_close(removal);
    return status;
}

void vit_group_removal_close(struct vit_group_removal *removal)
{
    free(removal->group);
    free(removal->loss);
    free(removal->kept);
    *removal = (struct vit_group_removal){0};
}

static double run(struct vit_exec *exec, int count, const int *label)
{
    const struct vit_tensor *logits = exec->plan->graph->logits;
    double sum = 0;
    vit_exec_run(exec);
    for (int i = 0; i < count; i++)
        sum += vit_logit_loss(logits->data + i * logits->dim[1], logits->dim[1], label[i]);
    return sum;
}

void vit_group_removal_add(struct vit_group_removal *removal, struct vit_exec *exec, int count, const int *label)
{
    removal->loss[removal->n] += run(exec, count, label);
    for (int i = 0; i < removal->n; i++) {
        vit_channel_group_mask(removal->groups, removal->group[i], removal->kept);
        vit_exec_prepare(exec);
        removal->loss[i] += run(exec, count, label);
        vit_channel_group_restore(removal->groups, removal->group[i], removal->kept);
    }
    vit_exec_prepare(exec);
    removal->images += count;
}

double vit_group_removal_change(const struct vit_group_removal *removal, int item)
{
    return (removal->loss[item] - removal->loss[removal->n]) / (double)removal->images;
}

double vit_group_removal_whole(const struct vit_group_removal *removal)
{
    return removal->loss[removal->n] / (double)removal->images;
}
