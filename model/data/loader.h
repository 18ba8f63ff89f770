/* SPDX-License-Identifier: MIT */
/* loader.h - batches for training and evaluation, made ahead by worker threads. What a batch holds follows from the
 * options, its epoch and its step alone: not from the number of workers, nor from who is done first.
 *
 * Order: an epoch goes through the subset once, shuffled by (seed, epoch). With `repeats` R every image stands R times
 * in a row and the epoch ends after as many images as the subset has (repeated augmentation, Hoffer et al. 2020, as
 * DeiT's sampler does it). Augmentation is drawn by (seed, epoch, position in the epoch), mixing by (seed, epoch,
 * step).
 *
 * Ranks: one step is batch * ranks images, positions 0 .. G-1. Rank r of n takes positions rB/2 .. (r+1)B/2-1 and their
 * mirror images G-1-p, so that mixing partners are together and all ranks hold what one process with batch G holds.
 *
 * Broken images: with `strict` the batch fails. Otherwise they are counted; where `shuffle` is on, another image of the
 * subset takes the place, drawn by (seed, epoch, position); in order (evaluation) the row stays empty with label -1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/base/real.h"
#include "model/data/augment.h"
#include "model/data/dataset.h"
#include "model/data/mix.h"

struct vit_loader_options {
    const int64_t *subset; /* (subset_count) indices into the dataset, copied; NULL: all its images */
    int64_t subset_count;
    struct vit_preprocess preprocess;  /* size, mean and std; resize and crop where augment is NULL */
    const struct vit_augment *augment; /* copied; NULL: the preprocessing of evaluation */
    const struct vit_mix *mix;         /* copied; NULL: targets are 0 and 1. Mixing needs drop_last */
    int classes;                       /* of the targets: the model's; labels are below */
    int batch;                         /* images of this rank per step; with ranks > 1 even */
    int repeats;                       /* 0 and 1: none; the paper: 3 */
    int workers;                       /* threads, at least 1 */
    int ahead;                         /* finished batches that may wait, at least 1: memory is ahead + 1 batches */
    int rank, ranks;                   /* 0, 0: alone */
    uint64_t seed;
    bool shuffle;
    bool drop_last; /* leaves out the last images of an epoch when they are less than a whole step */
    bool strict;
};

/* Belongs to the loader; valid until the next call with it. */
struct vit_loader_batch {
    int count;               /* images of this rank: < batch only in an epoch's last step, and then perhaps 0 */
    const vit_real *images;  /* (batch, 3, size, size), zeros from row count on */
    const vit_real *targets; /* (batch, classes) probabilities, zeros from row count on and for empty rows */
    const int *labels;       /* (batch) before mixing; -1: empty row */
    const int64_t *indices;  /* (batch) in the dataset, of the image that is there; -1: empty row */
    int64_t epoch, step;     /* step in the epoch, from 0 */
    int64_t broken;          /* images that could not be read in all batches handed out since the loader was opened */
    double waited_s;         /* that the caller waited for this batch */
};

struct vit_loader;

/* dataset is borrowed and must stay open. All labels are looked at: VIT_EINVAL names the first that is out of range.
 * On failure *result is NULL. */
int vit_loader_open(struct vit_loader **result, const struct vit_dataset *dataset,
                    const struct vit_loader_options *options);

/* Stops the workers, at any time. NULL is allowed. */
void vit_loader_close(struct vit_loader *loader);

/* Steps of an epoch, the same for all ranks. */
int64_t vit_loader_steps(const struct vit_loader *loader);

/* Images of an epoch, of all ranks together. */
int64_t vit_loader_images(const struct vit_loader *loader);

/* Memory of batches that are made ahead. */
size_t vit_loader_bytes(const struct vit_loader *loader);

/* The next batch will be this one. 0 <= step < steps. Nothing is thrown away where it would be this one anyway. */
int vit_loader_seek(struct vit_loader *loader, int64_t epoch, int64_t step);

/* Waits for the next batch; after an epoch's last comes the first of the next. Fails with the path of an image that
 * cannot be read (strict), or when 100 replacements in a row cannot be read either; then it fails again. */
int vit_loader_next(struct vit_loader *loader, struct vit_loader_batch *batch);

/* Messages of the first broken images handed out, n = 0, 1, ...; NULL: no more are kept. */
const char *vit_loader_broken(const struct vit_loader *loader, int n);
