/* SPDX-License-Identifier: MIT */
/* class_shares.h - a model's run time by the six classes of the paper's Fig. 2 (analysis/paper_class.h), here and in
 * the paper: what `study memory-bound` and `reproduce fig2` share. */
#pragma once

#include "analysis/paper_class.h"
#include "analysis/profile.h"

/* Chosen operators over the runs of a profile: their time in one run, and its share of all operators' time in that run.
 * Point and quartiles are of one list, so the point is inside. (Operators' medians added up are another number, which
 * can be outside: operators are not slow in the same runs.) */
struct vit_run_part {
    struct vit_summary time_ns, share_pct;
};

struct vit_run_part vit_run_part_of(const struct vit_profile *profile,
                                    bool (*chosen)(const struct vit_op *op, int context), int context);

struct vit_class_shares {
    struct vit_summary share_pct[VIT_N_PAPER_CLASSES]; /* the six medians add up to about 100; paper: median alone */
    struct vit_summary memory_bound_pct;               /* of the classes that are memory-bound in the paper's figure */
    bool measured;                                     /* here: what follows is known; else the paper's */
    double time_ns[VIT_N_PAPER_CLASSES];               /* of one forward */
    double memory_bound_ns, all_ns;
    int operators[VIT_N_PAPER_CLASSES];
    const char *graph;
    int batch, image_size, threads, repeats;
};

void vit_class_shares_of(struct vit_class_shares *shares, const struct vit_profile *profile);

/* The paper's printed numbers; *has_paper is false for models that its figure does not show. */
int vit_class_shares_paper(struct vit_class_shares *shares, const char *model, bool *has_paper);

/* Rows of memory_bound.csv: one per class. source: "paper", "here", or a variant of the graph. */
extern const struct vit_schema vit_class_shares_schema;
int vit_class_shares_emit(struct vit_sink *sink, const char *model, const char *source,
                          const struct vit_class_shares *shares);

/* The map from kinds of operators to classes: for readers, and as FOLDER/class_map.csv. */
void vit_class_map_print(void);
int vit_class_map_write(const char *folder);

/* FOLDER/memory_bound.svg and .png of FOLDER/memory_bound.csv, which has so many bars. */
int vit_class_shares_draw(const char *folder, const char *subtitle, int bars);
