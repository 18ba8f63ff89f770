/* SPDX-License-Identifier: MIT */
/* head_removal.h - what a network loses when the output of one attention head is set to zero before the projection, one
 * head at a time (leave one out, as in Michel et al. 2019, arXiv 1905.10650): redundancy in function, beside the
 * similarity of heads (analysis/head_similarity.h). In a cascade (EfficientViT) the next head no longer gets the output
 * either. */
#pragma once

#include "analysis/bootstrap.h"
#include "analysis/region_gate.h"

#include <stdbool.h>

/* Of one image. */
struct vit_head_loss {
    double loss;         /* cross entropy with its label; NaN without one */
    double logit_change; /* |logits - those of the whole network| / |those|, Euclidean */
    bool hit, same;      /* best class is the label, is that of the whole network */
};

struct vit_head_removal {
    int n;                            /* heads of the network */
    const struct vit_region **region; /* (n): their outputs, block by block */
    int64_t images, capacity;
    struct vit_head_loss *result; /* (n + 1, capacity): of the whole network, then without each head */
    vit_real *whole;              /* (batch, classes): its logits */
    struct vit_region_gate gate;
};

/* graph outlives it. VIT_ENOTSUP where no region is the output of a head. On failure nothing is left to close. */
int vit_head_removal_open(struct vit_head_removal *removal, const struct vit_graph *graph, int64_t images);
void vit_head_removal_close(struct vit_head_removal *removal);

/* Adds the first count images of the batch that exec has just run, running it once more without each head; its
 * observers are replaced, and gone at the end. label (count): -1 for none. */
int vit_head_removal_add(struct vit_head_removal *removal, struct vit_exec *exec, int count, const int *label);

/* Means over images; head -1: of the whole network. Changes are without the head minus whole, with an interval by
 * bootstrap over images. */
struct vit_head_effect {
    double loss, accuracy; /* NaN without labels */
    double loss_change, accuracy_change, logit_change;
    double same; /* share of images whose best class stays */
    struct vit_interval loss_change_bounds, logit_change_bounds;
};
int vit_head_removal_effect(const struct vit_head_removal *removal, int head, const struct vit_bootstrap *bootstrap,
                            struct vit_head_effect *effect);
