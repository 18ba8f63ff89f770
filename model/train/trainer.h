/* SPDX-License-Identifier: MIT */
/* trainer.h - a network in training: the graph "train" with its loss, plan, memory, optimiser, clipping and averaged
 * weights. A step is: forward and backward of one batch or more, the sum over ranks, clipping, the optimiser, the
 * average. Random numbers depend on the seed and the number of the step alone, so a trainer whose state was loaded
 * (model/train/checkpoint.h) goes on with the same bits. */
#pragma once

#include "model/data/loader.h"
#include "model/train/clip.h"
#include "model/train/ema.h"
#include "model/train/loss.h"
#include "model/train/optimizer.h"
#include "model/zoo/model.h"

struct vit_trainer_options {
    struct vit_model_options model; /* batch, img, classes; the graph is always "train" */
    int threads;
    const char *recompute; /* model/plan.h */
    uint64_t seed;         /* of initial weights and of noise (dropout, stochastic depth) */
    int accumulate;        /* batches of a step; 0: 1 */
    const struct vit_optimizer_def *optimizer;
    struct vit_optimizer_options optimizer_options;
    struct vit_clip_options clip;
    double ema; /* decay of the averaged weights; 0: none */
    struct vit_loss_options loss;
    struct vit_exec *teacher;      /* borrowed: graph with the same batch, img and classes; NULL: none */
    struct vit_communicator *comm; /* borrowed: other ranks with parts of the same batches; NULL: alone */
};

/* Must not be moved while open: the parts point to each other. */
struct vit_trainer {
    struct vit_trainer_options options;
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    struct vit_optimizer optimizer;
    struct vit_clip clip;
    struct vit_ema ema; /* opened where options.ema > 0 */
    vit_real *sum;      /* gradients of the batches of a step so far; NULL: a step is one batch */
    int batches;        /* of the step in progress */
    double loss;        /* their sum of losses */
};

/* Weights are the random ones to begin with. model must outlive the trainer. On failure nothing is left to close. */
int vit_trainer_open(struct vit_trainer *trainer, const struct vit_model_def *model,
                     const struct vit_trainer_options *options);
void vit_trainer_close(struct vit_trainer *trainer);

/* After weights were loaded: the average begins anew with them. */
int vit_trainer_restart_average(struct vit_trainer *trainer);

/* Whether the next update needs more batches. */
static inline bool vit_trainer_wants_more(const struct vit_trainer *trainer)
{
    return trainer->batches < trainer->options.accumulate;
}

/* Forward and backward of a whole batch; its gradients count for the next update. VIT_ENOTFINITE: the loss is not
 * finite, the message names the step and the first tensor that was not; weights are those of the last update. */
int vit_trainer_learn(struct vit_trainer *trainer, const struct vit_loader_batch *batch);

struct vit_trainer_update {
    double loss;          /* mean over the images of the step */
    double gradient_norm; /* of all gradients together, before clipping */
};

/* Changes the weights by the batches since the last update, averaged. Fails like vit_trainer_learn, for gradients. */
int vit_trainer_update(struct vit_trainer *trainer, double lr, struct vit_trainer_update *update);

/* Updates done; after a checkpoint was loaded, those before it too. */
static inline int64_t vit_trainer_steps(const struct vit_trainer *trainer)
{
    return trainer->optimizer.steps;
}
