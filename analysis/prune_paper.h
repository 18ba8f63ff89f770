/* SPDX-License-Identifier: MIT */
/* prune_paper.h - what the paper's Fig. 5 leaves of Swin-T (reports/paper/fig5_taylor_pruning.csv), and the network
 * that has these widths. */
#pragma once

#include "model/zoo/model.h"

enum { VIT_PRUNE_PAPER_BLOCKS = 12 };

/* By enum vit_group_kind: channels / width of the embedding, of QK, V and FFN. */
struct vit_prune_paper_block {
    double before[3], after[3], error; /* error: of what was read off the figure */
};

/* Of the whole network, in the order of its blocks. */
int vit_prune_read_paper(struct vit_prune_paper_block block[VIT_PRUNE_PAPER_BLOCKS]);

/* Swin-T with them: to whole channels, of which every head has as many. */
int vit_prune_paper_network(struct vit_model_choice *choice);
