/* SPDX-License-Identifier: MIT */
/* sample.h - one image of a training batch: read, changed at random, normalised, replaced when it is broken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/data/augment.h"
#include "model/data/dataset.h"

/* Where samples come from; not changed by making them, so that several threads may. */
struct vit_sample_source {
    const struct vit_dataset *dataset;
    const int64_t *subset; /* (count), of which replacements are taken */
    int64_t count;
    const struct vit_preprocess *preprocess;
    const struct vit_augment *augment; /* NULL: evaluation's preprocessing */
    uint64_t seed;
    bool replace; /* a broken image by another of the subset, else the row stays empty */
    bool strict;  /* a broken image is a failure */
};

struct vit_sample {
    uint64_t key;      /* of the random numbers: epoch and position */
    int64_t index;     /* in the dataset; afterwards of the image that is there, -1 for none */
    bool broken;       /* written: whether the image first asked for could not be read */
    char message[512]; /* written when broken */
};

/* image (3, size, size): written, zeros for an empty row. */
int vit_sample_make(const struct vit_sample_source *source, struct vit_sample *sample, vit_real *image);
