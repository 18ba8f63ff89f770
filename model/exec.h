/* SPDX-License-Identifier: MIT */
/* exec.h - a plan with memory: loads of weights go into graph tensors, then prepare once, then run at will.
 * Running cannot fail and allocates nothing. */
#pragma once

#include "model/plan.h"

/* Sees every step of a run; begin in the order attached, end in reverse, so the last attached is the innermost. */
struct vit_observer {
    void (*begin)(void *self, const struct vit_step *step);
    void (*end)(void *self, const struct vit_step *step);
    void *self;
};

struct vit_exec {
    struct vit_plan *plan;
    struct vit_parallel *pool;
    void *memory[VIT_N_SPACES];
    void *workspace;
    const struct vit_observer *observer;
    int n_observer;
};

/* Gives every tensor of the plan's graph its memory (one exec per graph at a time). On failure nothing is left to
 * close. */
int vit_exec_open(struct vit_exec *exec, struct vit_plan *plan);
void vit_exec_close(struct vit_exec *exec);

/* Computes derived weights. Call after weights were loaded or changed. */
void vit_exec_prepare(struct vit_exec *exec);

/* Steps from now on share their batch with the other ranks of comm, which is borrowed; NULL: alone. Check
 * vit_communicator_status after a run. */
void vit_exec_connect(struct vit_exec *exec, struct vit_communicator *comm);

/* observers are borrowed until replaced; n may be 0. */
void vit_exec_observe(struct vit_exec *exec, const struct vit_observer *observer, int n);

/* All steps: the forward, graph->input->data to graph->logits->data, and the way back where the plan has one. */
void vit_exec_run(struct vit_exec *exec);
