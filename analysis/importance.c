/* SPDX-License-Identifier: MIT */
#include "analysis/importance.h"

#include "model/base/rng.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[VIT_N_CRITERIA] = {
#define X(id, text) text,
    VIT_CRITERION_LIST(X)
#undef X
};

const char *vit_criterion_name(enum vit_criterion criterion)
{
    return names[criterion];
}

struct vit_taylor_terms vit_taylor_terms(const struct vit_channel_slice *slice, int n)
{
    struct vit_taylor_terms t = {0};
    for (int i = 0; i < n; i++) {
        const struct vit_slice_walk walk = vit_slice_walk(&slice[i]);
        const vit_real *weight = slice[i].weight->data;
        const vit_real *gradient = slice[i].weight->grad ? slice[i].weight->grad->data : NULL;
        for (int64_t o = 0; o < walk.outer; o++)
            for (int64_t k = 0; k < walk.run; k++) {
                const int64_t at = walk.offset + o * walk.step + k;
                const double w = (double)weight[at], product = gradient ? w * (double)gradient[at] : 0;
                t.product += product;
                t.square += product * product;
                t.absolute += fabs(product);
                t.weight_square += w * w;
            }
    }
    return t;
}

double vit_taylor_score(enum vit_criterion criterion, const struct vit_taylor_terms *terms)
{
    const double score[VIT_N_CRITERIA] = {[VIT_CRITERION_MOLCHANOV] = terms->square,
                                          [VIT_CRITERION_SQUARED_SUM] = terms->product * terms->product,
                                          [VIT_CRITERION_ABSOLUTE_SUM] = fabs(terms->product),
                                          [VIT_CRITERION_SUM_ABSOLUTE] = terms->absolute,
                                          [VIT_CRITERION_MAGNITUDE] = sqrt(terms->weight_square),
                                          [VIT_CRITERION_RANDOM] = (double)NAN};
    return score[criterion];
}

/* Resamples and choices of images are other indices of the same purpose. */
static const uint64_t random_scores = UINT64_C(2) << 32;

int vit_importance_open(struct vit_importance *importance, const struct vit_channel_groups *groups, double momentum,
                        uint64_t seed)
{
    const size_t n = (size_t)groups->n;
    *importance = (struct vit_importance){.groups = groups, .momentum = momentum};
    importance->score = calloc(n * VIT_N_CRITERIA, sizeof *importance->score);
    importance->predicted = calloc(n, sizeof *importance->predicted);
    if (!importance->score || !importance->predicted) {
        vit_importance_close(importance);
        return vit_fail(VIT_ENOMEM, "out of memory: scores of %d groups", groups->n);
    }
    struct vit_rng rng = vit_rng_at(seed, VIT_RNG_STUDY, random_scores);
    for (size_t i = 0; i < n; i++)
        importance->score[i * VIT_N_CRITERIA + VIT_CRITERION_RANDOM] = vit_rng_uniform(&rng);
    return VIT_OK;
}

void vit_importance_close(struct vit_importance *importance)
{
    free(importance->score);
    free(importance->predicted);
    *importance = (struct vit_importance){0};
}

/* Minus the sum of g w over the cut slices. */
static double predict(const struct vit_channel_groups *groups, const struct vit_channel_group *g)
{
    double change = 0;
    for (int i = g->first; i < g->first + g->n; i++)
        if (groups->slice[i].cut)
            change -= vit_taylor_terms(&groups->slice[i], 1).product;
    return change;
}

void vit_importance_add(struct vit_importance *importance)
{
    const struct vit_channel_groups *groups = importance->groups;
    const double mean = 1 / (double)(importance->batches + 1);
    const double share = importance->momentum > 0 && importance->batches > 0 ? 1 - importance->momentum : mean;
    for (int i = 0; i < groups->n; i++) {
        const struct vit_channel_group *g = &groups->group[i];
        const struct vit_taylor_terms terms = vit_taylor_terms(groups->slice + g->first, g->n);
        double *score = importance->score + (int64_t)i * VIT_N_CRITERIA;
        for (int c = 0; c < VIT_CRITERION_RANDOM; c++)
            score[c] += share * (vit_taylor_score((enum vit_criterion)c, &terms) - score[c]);
        importance->predicted[i] += mean * (predict(groups, g) - importance->predicted[i]);
    }
    importance->batches++;
}
