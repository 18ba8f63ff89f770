/* SPDX-License-Identifier: MIT */
/* optimizer.h - changes a graph's parameters by their gradients. A kind is a row in optimizers.def. What it remembers
 * per parameter (moments) lies in memory of its own, made once: a step allocates nothing, and its result is bit for bit
 * the same for any number of threads. */
#pragma once

#include "model/exec.h"
#include "model/train/tensor_pieces.h"

enum { VIT_OPTIMIZER_STATES = 2 };

enum vit_decay {
    VIT_DECAY_ALL,
    /* Not parameters of one dimension, biases, tokens, position embeddings and bias tables: timm's
     * param_groups_weight_decay with the no_weight_decay lists of its models. */
    VIT_DECAY_MATRICES,
};

struct vit_optimizer_options {
    double weight_decay;
    enum vit_decay decay;
    double beta1, beta2, eps; /* adamw */
    double momentum;          /* sgd */
    bool nesterov;
};

struct vit_optimizer;

/* One step of one piece: parameters, gradients and states of the same n elements. */
struct vit_optimizer_piece {
    vit_real *parameter;
    const vit_real *gradient;
    vit_real *state[VIT_OPTIMIZER_STATES];
    int64_t n;
    double lr, weight_decay; /* of this parameter */
};

struct vit_optimizer_def {
    const char *name;
    const char *state[VIT_OPTIMIZER_STATES]; /* what is remembered: "m", "v"; NULL: fewer */
    struct vit_optimizer_options defaults;
    int (*check)(const struct vit_optimizer_options *options);
    void (*update)(const struct vit_optimizer *optimizer, const struct vit_optimizer_piece *piece);
};

extern const struct vit_optimizer_def *const vit_optimizers[]; /* ends with NULL */

/* NULL, with a message that lists them, if there is none of this name. */
const struct vit_optimizer_def *vit_optimizer_find(const char *name);

struct vit_optimizer {
    const struct vit_optimizer_def *def;
    struct vit_optimizer_options options;
    const struct vit_exec *exec;
    struct vit_tensor_pieces parameters;
    double *lr_scale;                      /* (parameters.n) 1; the caller may change it: 0 freezes a parameter */
    double *weight_decay;                  /* (parameters.n) options.weight_decay, or 0 */
    vit_real *state[VIT_OPTIMIZER_STATES]; /* (parameters.elements) by parameters.place; begin as 0 */
    int64_t steps;                         /* taken */
    double lr;                             /* of the step in progress */
};

/* Of an exec whose graph was differentiated, which must outlive it. On failure nothing is left to close. */
int vit_optimizer_open(struct vit_optimizer *optimizer, const struct vit_exec *exec,
                       const struct vit_optimizer_def *def, const struct vit_optimizer_options *options);
void vit_optimizer_close(struct vit_optimizer *optimizer);

/* One step along the gradients that the exec's last run has left. Weights derived from parameters are the caller's
 * (vit_exec_prepare; a graph that was differentiated has none). */
void vit_optimizer_step(struct vit_optimizer *optimizer, double lr);

/* Multiplies lr_scale of all parameters whose names begin so; returns how many there are. */
int vit_optimizer_scale(struct vit_optimizer *optimizer, const char *beginning, double scale);

/* Whether a parameter of this name and shape decays under VIT_DECAY_MATRICES. */
bool vit_optimizer_decays(const struct vit_tensor *parameter);
