/* SPDX-License-Identifier: MIT */
/* rewrite.h - changes of a graph that keep its results: each is one file in model/rewrites/ and one row in
 * rewrites.def; a graph variant (eager, folded) is a row in graphs.def that names its rewrites in order. A rewrite
 * keeps the tensors that taps, regions and logits point to. */
#pragma once

#include "model/graph.h"

struct vit_rewrite_def {
    const char *name, *summary;
    int (*apply)(struct vit_graph *graph);
};

struct vit_graph_variant {
    const char *name, *summary;
    const char *rewrites; /* names separated by blanks, in order */
};

extern const struct vit_rewrite_def *const vit_rewrite_table[];
extern const int vit_n_rewrites;
extern const struct vit_graph_variant vit_graph_variants[];
extern const int vit_n_graph_variants;

/* Applies the rewrites of variant "eager", "folded", ... to a freshly built eager graph. */
int vit_graph_rewrite(struct vit_graph *graph, const char *variant);

/* Takes operators for which drop[i] is true out of the order; for rewrites. */
void vit_graph_drop_ops(struct vit_graph *graph, const bool *drop);
