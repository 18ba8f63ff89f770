/* SPDX-License-Identifier: MIT */
/* paper_class.h - the classes of operators of the paper's Fig. 2 (arXiv 2305.07027) and the map from our kinds to them.
 * The paper does not say which kernels belong to which class: the map is ours, and is printed with every result. */
#pragma once

#include "model/op.h"

struct vit_paper_class {
    const char *name;  /* as the paper's figure has it */
    bool memory_bound; /* as its colours have it */
};

enum { VIT_N_PAPER_CLASSES = 6 };

/* In the paper's order. */
extern const struct vit_paper_class vit_paper_class[VIT_N_PAPER_CLASSES];

/* Index of the class that a kind is counted to; those without a row in the map are "Others". */
int vit_paper_class_of(enum vit_op_kind kind);
