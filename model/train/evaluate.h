/* SPDX-License-Identifier: MIT */
/* evaluate.h - what a network answers on labelled images. */
#pragma once

#include "model/base/communicator.h"
#include "model/data/loader.h"
#include "model/exec.h"

/* Counts over the images of a loader's epoch. */
struct vit_evaluation {
    int classes;
    int64_t images;     /* that have a label and could be read */
    int64_t broken;     /* that could not be read */
    int64_t first;      /* whose label has the largest logit (of equal ones, the first class) */
    int64_t five;       /* whose label is among the five largest */
    double loss;        /* sum of cross entropies */
    double seconds;     /* of forwards */
    int64_t *confusion; /* (classes, classes): label, class with the largest logit */
};

int vit_evaluation_open(struct vit_evaluation *evaluation, int classes);
void vit_evaluation_close(struct vit_evaluation *evaluation);

/* Counts anew, over epoch 0 of a loader that keeps the order. exec: a forward with the loader's batch; prepared. */
int vit_evaluate(struct vit_evaluation *evaluation, struct vit_exec *exec, struct vit_loader *loader);

/* Adds up the counts of ranks that each evaluated a part; alone, nothing changes. */
void vit_evaluation_sum(struct vit_evaluation *evaluation, struct vit_communicator *comm);

/* Parameters and buffers of `from` into the tensors of the same names of `to`, which has no others; both have memory.
 * VIT_EINVAL names a tensor that `from` lacks. */
int vit_weights_copy(struct vit_graph *to, const struct vit_graph *from);
