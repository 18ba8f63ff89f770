/* SPDX-License-Identifier: MIT */
/* contact_sheet.h - a picture of what training sees of a dataset. */
#pragma once

#include <stdint.h>

#include "model/data/augment.h"
#include "model/data/dataset.h"

struct vit_contact_sheet {
    struct vit_preprocess preprocess; /* size: side of one image */
    struct vit_augment augment;
    uint64_t seed;
};

/* Writes a PNG: a row for each of some images, of classes in turn; first as evaluation sees it, then as it is augmented
 * in the epochs from 0 on. The draws are those of a loader with this seed whose first images these are. */
int vit_contact_sheet_write(const char *path, const struct vit_dataset *dataset, const struct vit_contact_sheet *sheet);
