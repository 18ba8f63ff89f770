/* SPDX-License-Identifier: MIT */
/* checkpoint.h - all that a training needs to go on bit for bit, in one safetensors file: weights and running
 * statistics under their names (so that it is a weight file too), "ema.NAME", "optimizer.STATE.NAME" in the full width
 * of the build, and texts. Random numbers have no state (model/base/rng.h). */
#pragma once

#include "model/train/ema.h"
#include "model/train/optimizer.h"
#include "model/weights/safetensors.h"

/* Where a training stands. */
struct vit_checkpoint_state {
    uint64_t seed;
    int64_t epoch; /* the one to go on with, from 0 */
    int64_t step;  /* its first step that is not done */
};

/* What is saved and loaded. */
struct vit_checkpoint {
    struct vit_graph *graph; /* with memory */
    struct vit_optimizer *optimizer;
    struct vit_ema *ema; /* NULL: none; not swapped */
    struct vit_checkpoint_state state;
    /* More texts: "vitscope.config", "vitscope.data", ... Keys of checkpoint.c are taken. A load takes those given as a
     * condition: the file must have the same. */
    const struct vit_safetensors_pair *text;
    int n_text;
};

/* The whole file or nothing: a save that fails, or is killed, leaves an older file as it was. */
int vit_checkpoint_save(const char *path, const struct vit_checkpoint *checkpoint);

/* A file that is known to be a checkpoint; nothing of its tensors is read yet. */
struct vit_checkpoint_file {
    struct vit_safetensors file;
    struct vit_checkpoint_state state;
};

/* VIT_EFORMAT says what the file is instead, or that it is cut off. On failure nothing is left to close. */
int vit_checkpoint_open(struct vit_checkpoint_file *file, const char *path);
void vit_checkpoint_close(struct vit_checkpoint_file *file);

/* A text of the file; NULL if it has none of this key. Valid until close. */
const char *vit_checkpoint_text(const struct vit_checkpoint_file *file, const char *key);

/* Fills weights, optimizer and ema and sets checkpoint->state. VIT_EFORMAT, with all as it was, when the file is of
 * another model, optimizer or width of numbers: the message names the first difference. */
int vit_checkpoint_load(const struct vit_checkpoint_file *file, struct vit_checkpoint *checkpoint);
