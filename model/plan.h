/* SPDX-License-Identifier: MIT */
/* plan.h - fixes everything that can fail or be chosen before a run: kernels, costs, lifetimes, memory. */
#pragma once

#include "model/base/communicator.h"
#include "model/graph.h"

struct vit_parallel;

/* Memory that the exec fills with one value before a step runs. */
struct vit_fill {
    const struct vit_tensor *tensor;
    vit_real value;
};

struct vit_step {
    int index;
    enum vit_pass pass;
    const struct vit_op *op;
    const struct vit_op_def *def;
    const struct vit_kernel *kernel;
    unsigned adds;               /* backward: bit i: the gradient of input i is added to what is there */
    const struct vit_fill *fill; /* (n_fill), of the plan */
    int n_fill;
    bool again; /* forward, once more: its outputs were given up to save memory */
    struct vit_cost cost;
    size_t live_bytes; /* activations alive while the step runs, its own outputs included */
    size_t workspace_bytes;
    void *workspace;           /* set by the exec */
    struct vit_parallel *pool; /* set by the exec */
    /* Set by vit_exec_connect: kinds that look at more than one image (batch norm in training, means over the batch) do
     * so over the images of all ranks, of which each has equally many; gradients of parameters stay each rank's own
     * share, to be added up by the caller. NULL: alone. */
    struct vit_communicator *comm;
};

static inline bool vit_step_adds(const struct vit_step *step, int input)
{
    return step->adds >> input & 1;
}

struct vit_plan_options {
    int threads;    /* 0: 1 */
    bool keep_taps; /* taps and regions keep their memory to the end of the run */
    /* Prefer implementations of this name: kinds that have one which supports the operator use it, others their
     * default. NULL: defaults. A name that no kind has is VIT_EINVAL. */
    const char *kernel;
    bool backward; /* steps of the way back follow those of the forward; the graph was differentiated */
    /* Kinds whose outputs are computed again on the way back instead of being kept, separated by blanks:
     * "gelu layer_norm"; less memory, more time. NULL: none. */
    const char *recompute;
};

struct vit_plan {
    struct vit_graph *graph;
    struct vit_step *prepare; /* run once after weights are loaded */
    int n_prepare;
    struct vit_step *step;
    int n_step;
    int n_forward; /* steps before the way back */
    struct vit_fill *fill;
    int n_fill;
    int threads;
    size_t space_bytes[VIT_N_SPACES]; /* memory of each space; activations after reuse */
    size_t workspace_bytes;           /* one workspace, as large as the largest step's */
    size_t peak_live_bytes;           /* largest live_bytes: lower bound of the activation arena */
    size_t unshared_bytes;            /* activations if none shared memory */
};

/* graph must outlive the plan. On failure nothing is left to close. */
int vit_plan_build(struct vit_plan *plan, struct vit_graph *graph, struct vit_plan_options options);
void vit_plan_close(struct vit_plan *plan);

/* Activations that wait for the way back when the forward ends: all that is alive at its last step. 0: no way back. */
size_t vit_plan_kept_bytes(const struct vit_plan *plan);

/* Sum over all steps. */
struct vit_cost vit_plan_cost(const struct vit_plan *plan);
