/* SPDX-License-Identifier: MIT */
/* importance.h - how much the loss would change without a group of channels, from one way back: gradient times weight,
 * the first term of the Taylor expansion (the paper's Fig. 5). Criteria over the parameters w of a group with
 * gradients g:
 *   molchanov     sum of (g w)^2     Molchanov et al. 2019, arXiv 1906.10771
 *   squared_sum   (sum of g w)^2     of the group as one; what the reference files list
 *   absolute_sum  |sum of g w|       sum_absolute  sum of |g w|
 *   magnitude     Euclidean norm of w, no gradient            random  drawn from a seed, the floor */
#pragma once

#include "analysis/channel_group.h"

#define VIT_CRITERION_LIST(X)       \
    X(MOLCHANOV, "molchanov")       \
    X(SQUARED_SUM, "squared_sum")   \
    X(ABSOLUTE_SUM, "absolute_sum") \
    X(SUM_ABSOLUTE, "sum_absolute") \
    X(MAGNITUDE, "magnitude")       \
    X(RANDOM, "random")

enum vit_criterion {
#define X(id, text) VIT_CRITERION_##id,
    VIT_CRITERION_LIST(X)
#undef X
        VIT_N_CRITERIA
};

const char *vit_criterion_name(enum vit_criterion criterion);

/* Sums over the elements of slices; tensors without a gradient count for magnitude alone. */
struct vit_taylor_terms {
    double product;          /* g w */
    double square, absolute; /* (g w)^2, |g w| */
    double weight_square;    /* w^2 */
};
struct vit_taylor_terms vit_taylor_terms(const struct vit_channel_slice *slice, int n);

/* The score that the terms give; RANDOM: NaN. */
double vit_taylor_score(enum vit_criterion criterion, const struct vit_taylor_terms *terms);

struct vit_importance {
    const struct vit_channel_groups *groups;
    double momentum;
    int64_t batches;
    double *score;     /* (groups, VIT_N_CRITERIA) */
    double *predicted; /* (groups): change of the loss, minus the sum of g w over the cut slices */
};

/* momentum 0: scores are means over batches; else each batch moves them by 1 - momentum of the way, the first all of it
 * (Molchanov: 0.9). groups outlives it. On failure nothing is left to close. */
int vit_importance_open(struct vit_importance *importance, const struct vit_channel_groups *groups, double momentum,
                        uint64_t seed);
void vit_importance_close(struct vit_importance *importance);

/* Adds the gradients of the batch that the groups' graph has just run there and back. */
void vit_importance_add(struct vit_importance *importance);

static inline double vit_importance_score(const struct vit_importance *importance, int group,
                                          enum vit_criterion criterion)
{
    return importance->score[group * VIT_N_CRITERIA + (int)criterion];
}
