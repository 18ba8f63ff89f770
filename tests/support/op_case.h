/* SPDX-License-Identifier: MIT */
/* op_case.h - the cases of tests/op_cases.def and what it takes to run one: a graph of a single operator with
 * deterministic values, its plan and its memory. */
#pragma once

#include "model/exec.h"

/* Shapes end at the first 0; lists of shapes end with an empty one. */
struct vit_op_case {
    enum vit_op_kind kind;
    int64_t in[VIT_MAX_IN][VIT_MAX_DIMS];
    int64_t out[VIT_MAX_OUT][VIT_MAX_DIMS]; /* worked out by hand */
    struct vit_attr attr;
    const char *message; /* refused cases: what the error must say */
    int line;            /* in op_cases.def */
};

extern const struct vit_op_case vit_op_cases[];
extern const int vit_n_op_cases;

/* Cases that infer() must refuse. */
extern const struct vit_op_case vit_refused_cases[];
extern const int vit_n_refused_cases;

/* Items of a list that ends with 0. */
int vit_case_ndim(const int64_t dim[VIT_MAX_DIMS]);

/* Deterministic values for the inputs. */
void vit_op_case_fill(const struct vit_op *op);

struct vit_op_run {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    const struct vit_op *op;
};

/* The graph of the case; activations are inputs, the rest parameters. Closed with vit_graph_close() whatever it says.
 */
int vit_op_case_graph(const struct vit_op_case *op_case, struct vit_graph *graph);

/* Builds, fills and runs the case with the given kernel (NULL: the one that the plan chooses). */
int vit_op_run_open(struct vit_op_run *run, const struct vit_op_case *op_case, const struct vit_kernel *kernel,
                    int threads);
void vit_op_run_close(struct vit_op_run *run);
