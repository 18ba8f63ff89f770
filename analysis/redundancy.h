/* SPDX-License-Identifier: MIT */
/* redundancy.h - what `vitscope study redundancy` finds about one model, and its files. */
#pragma once

#include "analysis/head_removal.h"
#include "analysis/head_similarity.h"
#include "analysis/options.h"
#include "model/zoo/model.h"
#include "reports/sink.h"

#include <math.h>

/* One model. */
struct vit_redundancy {
    int number; /* of the model in this study, from 1 */
    const char *model, *family;
    const char *weights; /* "weights of FILE", "generated weights, seed 1" */
    const char *graph;
    bool labelled; /* labels of the images are classes of the model */
    bool has_random;
    bool published;                          /* the papers' network: their blocks are its blocks */
    struct vit_head_similarity here, random; /* random: with the weights that training begins with */
    struct vit_head_removal removal;
    struct vit_bootstrap bootstrap;
};

enum vit_redundancy_file {
    VIT_REDUNDANCY_SIMILARITY, /* pairs of heads */
    VIT_REDUNDANCY_BLOCKS,     /* reductions for each block, and the paper's */
    VIT_REDUNDANCY_HEADS,      /* the network without each head */
    VIT_REDUNDANCY_CORRELATION,
    VIT_N_REDUNDANCY_FILES
};

/* Files of rows, models one after another; one of them on stdout as well. */
struct vit_redundancy_files {
    struct vit_sink sink[VIT_N_REDUNDANCY_FILES];
    struct vit_sink printed; /* blocks, where the form is not for readers */
    bool print;
};

/* Opens similarity.csv, blocks.csv, heads.csv, correlation.csv in the folder. On failure nothing is left to close. */
int vit_redundancy_files_open(struct vit_redundancy_files *files, const struct vit_options *options,
                              const char *folder);

/* All rows of a model. */
int vit_redundancy_write(struct vit_redundancy_files *files, const struct vit_redundancy *r);

/* Whether it has the widths and depths of a network that papers tell about: DeiT-T, Swin-T. */
bool vit_redundancy_is_published(const struct vit_model_def *model);

/* The paper's Fig. 4 for the family and this kind of head ("MHSA full feature", "head splits"): value[block], NaN where
 * it has none. */
int vit_redundancy_read_paper(const char *family, const char *head_input, double *value, int blocks);

/* Correlation over heads of the largest cosine with another head (of the whole of the object) and what removing the
 * head changes: the loss, or the logits without labels. */
int vit_redundancy_correlation(const struct vit_redundancy *r, enum vit_head_object object, double *spearman);

/* Parts of it, and one row of blocks.csv (and of what is printed). */
int vit_redundancy_write_paper(struct vit_redundancy_files *files, const struct vit_redundancy *r);
int vit_redundancy_write_heads(struct vit_redundancy_files *files, const struct vit_redundancy *r);
int vit_redundancy_put_block(struct vit_redundancy_files *files, const struct vit_cell *row);

/* The files appear if `status` is VIT_OK, else they do not; returns the first failure. */
int vit_redundancy_files_close(struct vit_redundancy_files *files, int status);

/* Tables for readers. */
int vit_redundancy_print(const struct vit_redundancy *r, const struct vit_options *options);

/* What figures of one model need beside the files. */
struct vit_redundancy_figure {
    char model[128], subtitle[1200];
    int number, blocks;
    bool labelled;
};

/* Draws NAME_head_similarity, NAME_head_heatmap, NAME_head_removal from the files; NAME is the model's, with _ for what
 * names of files had better not have. */
int vit_redundancy_draw(const struct vit_redundancy_figure *figure, const char *folder);
