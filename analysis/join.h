/* SPDX-License-Identifier: MIT */
/* join.h - what `vitscope study join` finds: cost and need of one model, operator by operator, and sums over parts of
 * the network. Cost is of a profile of the eager graph; need is the Taylor importance of the parameters that an
 * operator is the first to read: the sum of (gradient x weight)^2 over them, mean over batches. That is the molchanov
 * score of analysis/importance.h, which adds up over groups of parameters however they are cut. */
#pragma once

#include "analysis/head_removal.h"
#include "analysis/head_similarity.h"
#include "analysis/importance.h"
#include "analysis/profile.h"

#include <math.h>

/* A learned tensor, the step of the profile that it counts to, and its score. */
struct vit_join_tensor {
    const struct vit_tensor *weight; /* of the graph that has gradients */
    int step;
    double importance;
};

struct vit_join {
    const char *model, *settings, *folder;
    const struct vit_profile *profile;
    struct vit_join_tensor *tensor;
    int n_tensor;
    int64_t batches;
    struct vit_channel_groups groups; /* empty, and what follows too, where the network has no heads */
    struct vit_importance importance;
    struct vit_head_similarity similarity;
    struct vit_head_removal removal;
    struct vit_bootstrap bootstrap;
    char no_heads[256]; /* why; "" where it has */
};

/* Pairs the learned tensors of `graph`, which has gradients, with the steps of the profile, whose graph is the same
 * network. VIT_EMISMATCH names a tensor that no step reads. On failure nothing is left to free. */
int vit_join_pair(struct vit_join *join, const struct vit_graph *graph);

/* Adds the gradients of the batch that the graph has just run there and back. */
void vit_join_add(struct vit_join *join);

/* A part of the network. */
struct vit_join_sum {
    char name[160];
    struct vit_site site; /* of its first operator */
    int operators;
    double time_ns;
    struct vit_cost cost;
    struct vit_cell bytes[VIT_MAX_TRAFFIC];
    int64_t parameters;
    double importance; /* 0 where it has no parameters */
};

/* Layers: what a block is made of: attention, ffn, token_mix, norm, residual, merge, embed, head. */
const char *vit_join_layer(enum vit_role role);

/* model.csv (rows of the model, blocks, layers, roles, operators, heads), correlation.csv, sources.csv. */
int vit_join_write(const struct vit_join *join);

/* Sums by the name that key gives each operator, and of one operator; sum[] has room for VIT_MAX_GROUPS. */
int vit_join_group(const struct vit_join *join, vit_profile_key key, struct vit_join_sum *sum);
struct vit_join_sum vit_join_step(const struct vit_join *join, int step);

/* The layers: sum[] has room for VIT_MAX_GROUPS; returns their number, in order of the network. */
int vit_join_layers(const struct vit_join *join, struct vit_join_sum *sum);

/* Rank correlation over layers that have parameters, with an interval by bootstrap over them. */
enum vit_join_cost { VIT_JOIN_TIME, VIT_JOIN_BYTES, VIT_JOIN_MACS, VIT_JOIN_PARAMETERS, VIT_N_JOIN_COSTS };
enum vit_join_need { VIT_JOIN_IMPORTANCE, VIT_JOIN_PER_PARAMETER, VIT_JOIN_LOSS, VIT_N_JOIN_NEEDS };
struct vit_join_question {
    enum vit_join_cost cost;
    enum vit_join_need need;
    const char *layer; /* these alone; NULL: all */
};
struct vit_join_answer {
    int n;
    double spearman; /* NaN where there are too few layers, or none differs */
    struct vit_interval bounds;
};
int vit_join_ask(const struct vit_join *join, struct vit_join_question question, struct vit_join_answer *answer);

int vit_join_print(const struct vit_join *join, const struct vit_options *options);
int vit_join_draw(const struct vit_join *join);

/* Of the heads of one attention block: means over them; NaN where there is nothing to tell. */
struct vit_join_heads {
    int heads;
    double map_similarity, output_similarity; /* of each with the one most alike: cosine of the whole */
    double loss_change, logit_change;         /* without one */
};
int vit_join_heads(const struct vit_join *join, struct vit_site site, struct vit_join_heads *heads);
