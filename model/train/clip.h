/* SPDX-License-Identifier: MIT */
/* clip.h - bounds gradients between the way back (and their sum over processes) and the optimiser. Norms are summed in
 * double in a fixed order: the same bits for any number of threads. */
#pragma once

#include "model/exec.h"
#include "model/train/tensor_pieces.h"

enum vit_clip_mode {
    VIT_CLIP_NONE,  /* norms only */
    VIT_CLIP_NORM,  /* all gradients together: g * min(1, limit / (norm + 1e-6)), torch.nn.utils.clip_grad_norm_ */
    VIT_CLIP_VALUE, /* each element to [-limit, limit] */
    /* Adaptive gradient clipping (Brock et al. 2021, arXiv 2102.06171), as timm's adaptive_clip_grad with
     * exclude_head: each output unit's norm at most limit * max(its weights' norm, 1e-3); a vector is one unit; not
     * the last two parameters of the graph, the classifier's weight and bias. */
    VIT_CLIP_AGC,
};

struct vit_clip_options {
    enum vit_clip_mode mode;
    double limit; /* > 0 unless mode is none */
};

struct vit_clip {
    struct vit_clip_options options;
    const struct vit_exec *exec;
    struct vit_tensor_pieces gradients; /* by their parameters */
    double *square;                     /* (gradients.n_piece) sums of squares of the last call */
    struct vit_tensor_piece *unit;      /* (n_unit) agc: groups of units, start and count in units */
    int64_t n_unit;
};

/* Of an exec whose graph was differentiated, which must outlive it. On failure nothing is left to close. */
int vit_clip_open(struct vit_clip *clip, const struct vit_exec *exec, struct vit_clip_options options);
void vit_clip_close(struct vit_clip *clip);

/* Clips; returns the norm of all gradients together before. Not finite: nothing was clipped. */
double vit_clip_apply(struct vit_clip *clip);

/* The first parameter in the graph whose gradient was not finite at the last vit_clip_apply; NULL: all are finite. */
const struct vit_tensor *vit_clip_not_finite(const struct vit_clip *clip);

/* "none", "norm", "value", "agc"; VIT_EINVAL lists them. */
int vit_clip_mode_find(const char *name, enum vit_clip_mode *mode);
