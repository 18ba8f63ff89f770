/* SPDX-License-Identifier: MIT */
/* selection.h - part of a dataset, as text after its spec: "SPEC@train=0.9", "SPEC@val=0.1,seed=2", "SPEC@first=1000".
 *
 *   train=F   share F of each class, chosen by the seed
 *   val=F     share F of each class: those that train=1-F leaves
 *   seed=N    of that choice (default 1)
 *   first=N   afterwards, the first images, as many of each class as there are, N in all */
#pragma once

#include "model/data/dataset.h"

/* Where the text of a selection begins in a spec, after its '@'; NULL where there is none. */
const char *vit_selection_find(const char *spec);

/* Puts the part in the place of the open dataset, which now belongs to it: closing closes both. On failure the dataset
 * stays as it was. */
int vit_selection_open(struct vit_dataset *dataset, const char *text);
