/* SPDX-License-Identifier: MIT */
/* prune.h - structured pruning (the paper's Fig. 5, after Molchanov et al. 2019, arXiv 1906.10771): channels that the
 * loss needs least are taken away in rounds until the network fits a budget; scores are taken anew in each round.
 * Then it may learn on, by the code of `vitscope finetune`. All that is needed to go on after a kill is in the folder:
 * pruned.safetensors is the network after its last round, and tells which. */
#pragma once

#include "analysis/importance.h"
#include "analysis/options.h"
#include "analysis/recognise.h"
#include "analysis/stats.h"
#include "model/train/evaluate.h"
#include "reports/csv_log.h"

enum { VIT_PRUNE_JUDGE_BATCH = 100 };

enum vit_prune_resource { VIT_PRUNE_PARAMS, VIT_PRUNE_MACS, VIT_PRUNE_LATENCY };

/* What a unit's score is divided by before units of different layers are compared. Channels: those that go together, so
 * that a query channel of each of 24 heads stands for one channel, as in the paper's figure. */
enum vit_prune_cost { VIT_PRUNE_PER_NOTHING, VIT_PRUNE_PER_CHANNELS, VIT_PRUNE_PER_PARAMS, VIT_PRUNE_PER_MACS };

struct vit_prune_plan {
    enum vit_prune_resource resource;
    double share; /* that is to be left of it */
    enum vit_criterion criterion;
    enum vit_prune_cost per;
    unsigned kinds; /* bits 1 << enum vit_group_kind */
    int rounds, batches, batch;
    double momentum; /* of scores, over the batches of a round; 0: their mean */
};

/* Of the eager graph, one image. */
struct vit_prune_size {
    int64_t params, macs;
};

/* A network on the images of --val. */
struct vit_prune_quality {
    double loss, top1_pct; /* NaN: not tested */
};

/* Channels of one block; FFN: mean over its FFNs. */
struct vit_prune_widths {
    int stage;
    int64_t embed, heads, qk, v; /* qk and v of all heads together; 0: no attention */
    double ffn;                  /* 0: no FFN */
};

/* Must not be moved while open. */
struct vit_prune {
    struct vit_options complete; /* with --data and --val chosen */
    const struct vit_options *options;
    struct vit_prune_plan plan;
    const char *folder;
    char weights[4096], pruned[4096];  /* files of the whole and of the pruned network */
    struct vit_recognised found, kept; /* what both files are of */
    struct vit_model_choice whole, now;
    char *text;             /* of the settings */
    struct vit_dataset val; /* val.def is NULL without one */
    struct vit_loader *loader;
    struct vit_evaluation evaluation;
    struct vit_csv_log rows;
    char rows_path[4096];
    int round; /* that is done */
    struct vit_prune_size whole_size, size;
    struct vit_prune_quality whole_quality, quality, tuned_quality; /* tuned: NaN where it did not learn on */
    struct vit_summary speedup; /* time of the whole / time of the pruned, in pairs */
    double time_share;          /* of the whole network's time, where latency is the budget; NaN: not measured */
};

/* Prunes, fine-tunes and measures into the folder, which is there; *p keeps what was found until it is closed.
 * options->weights is the network. VIT_ESTOPPED: stopped by a signal while it learned. On failure nothing is left to
 * close. */
int vit_prune_run(struct vit_prune *p, const struct vit_options *options, const char *folder);
void vit_prune_close(struct vit_prune *p);

/* What options ask for (prune_plan.c). Kinds that a network cannot lose are VIT_ENOTSUP where --kinds names them, and
 * left out where it does not. */
int vit_prune_plan_read(struct vit_prune_plan *plan, const struct vit_options *options,
                        const struct vit_model_def *model);
const char *vit_prune_resource_name(enum vit_prune_resource resource);

/* Texts of pruned.safetensors. */
#define VIT_PRUNE_SETTINGS "vitscope.prune.settings"
#define VIT_PRUNE_ROUND "vitscope.prune.round"
#define VIT_PRUNE_TIME "vitscope.prune.time_share"

/* One line for each option that decides what is taken away; the caller frees it. NULL: memory ran out. */
char *vit_prune_text(const struct vit_prune *p);

/* One round (prune_round.c): scores, choice, the narrower network in p->now and p->pruned. goal: what is to be left of
 * params (or, for a budget of latency, MACs), as a share of the whole network's. */
int vit_prune_round(struct vit_prune *p, double goal);

/* Measures (prune_measure.c). */
int vit_prune_measure_size(const struct vit_model_def *model, struct vit_prune_size *size);
double vit_prune_share(const struct vit_prune *p, const struct vit_prune_size *size); /* of the budget's resource */
struct vit_prune_network {
    const struct vit_model_def *model;
    const char *file;              /* weights, or ... */
    const struct vit_graph *graph; /* ... with memory */
};
int vit_prune_evaluate(struct vit_prune *p, const struct vit_prune_network *network, struct vit_prune_quality *quality);
/* Pairs of forwards of both networks, folded, of generated weights, with --batch and --threads: time of the whole one
 * by that of the pruned. */
int vit_prune_time(const struct vit_options *o, const struct vit_model_def *whole, const struct vit_model_def *pruned,
                   struct vit_summary *speedup);
struct vit_prune_widths vit_prune_block_widths(const struct vit_model_config *config, int block);
int vit_prune_blocks(const struct vit_model_config *config);

/* Files and what is printed (prune_files.c). */
extern const struct vit_schema vit_prune_round_schema;
int vit_prune_log_round(struct vit_prune *p, int removed_groups);
int vit_prune_write(const struct vit_prune *p);
int vit_prune_print(const struct vit_prune *p, const struct vit_options *options);

/* Widths of the pruned network, all by the same factor wider until it needs as much as the whole one
 * (prune_reallocate.c): what matters has grown, what does not has shrunk. */
int vit_prune_reallocate(struct vit_model_choice *grown, const struct vit_model_def *whole,
                         const struct vit_model_def *pruned, enum vit_prune_resource resource);

/* Both, from random weights and alike, by the code of `vitscope train`: reallocation.csv, folders uniform and
 * reallocated. */
int vit_prune_compare(struct vit_prune *p);
