/* SPDX-License-Identifier: MIT */
/* class_shares.h - a model's run time by the six classes of the paper's Fig. 2 (analysis/paper_class.h), here and in
 * the paper: what `study memory-bound` and `reproduce fig2` share. */
#pragma once

#include "analysis/paper_class.h"
#include "analysis/profile.h"

struct vit_class_shares {
    double share_pct[VIT_N_PAPER_CLASSES];
    bool measured;                       /* here: what follows is known; else the paper's */
    double time_ns[VIT_N_PAPER_CLASSES]; /* of one forward */
    int operators[VIT_N_PAPER_CLASSES];
    struct vit_summary memory_bound_pct; /* over the runs; its median can differ from the sum of the shares' medians */
    const char *graph;
    int batch, image_size, threads, repeats;
};

void vit_class_shares_of(struct vit_class_shares *shares, const struct vit_profile *profile);

/* The paper's printed numbers; *has_paper is false for models that its figure does not show. */
int vit_class_shares_paper(struct vit_class_shares *shares, const char *model, bool *has_paper);

/* Sum of the classes that are memory-bound in the paper's figure. */
double vit_class_shares_memory_bound(const double share_pct[VIT_N_PAPER_CLASSES]);

/* Rows of memory_bound.csv: one per class. source: "paper", "here", or a variant of the graph. */
extern const struct vit_schema vit_class_shares_schema;
int vit_class_shares_emit(struct vit_sink *sink, const char *model, const char *source,
                          const struct vit_class_shares *shares);

/* The map from kinds of operators to classes: for readers, and as FOLDER/class_map.csv. */
void vit_class_map_print(void);
int vit_class_map_write(const char *folder);

/* FOLDER/memory_bound.svg and .png of FOLDER/memory_bound.csv, which has so many bars. */
int vit_class_shares_draw(const char *folder, const char *subtitle, int bars);
