/* SPDX-License-Identifier: MIT */
/* idx_pair.h - a dataset of two idx files, gray images (N, H, W) and labels (N): the part that named datasets share. */
#pragma once

#include "model/data/dataset.h"

struct vit_idx_pair {
    const char *images, *labels; /* paths */
    int classes;                 /* labels are below; 0: as many as the labels show */
};

/* Functions for a struct vit_dataset_def; open also sets count, classes and state. */
int vit_idx_pair_open(struct vit_dataset *dataset, const struct vit_idx_pair *pair);
int vit_idx_pair_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image);
int vit_idx_pair_label(const struct vit_dataset *dataset, int64_t index);
const char *vit_idx_pair_path(const struct vit_dataset *dataset, int64_t index); /* of the labels */
void vit_idx_pair_close(struct vit_dataset *dataset);
