/* SPDX-License-Identifier: MIT */
/* image_folder.h - a dataset of image files in folders: the part that kinds of datasets share. */
#pragma once

#include "model/data/dataset.h"

struct vit_image_folder {
    const char *path;
    const char *classes; /* folder whose subfolders are the classes, which those of path are among; NULL: path */
};

/* Functions for a struct vit_dataset_def; open also sets count, ignored, classes, class_names and state. */
int vit_image_folder_open(struct vit_dataset *dataset, const struct vit_image_folder *folder);
int vit_image_folder_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image);
int vit_image_folder_label(const struct vit_dataset *dataset, int64_t index);
const char *vit_image_folder_path(const struct vit_dataset *dataset, int64_t index);
void vit_image_folder_close(struct vit_dataset *dataset);
