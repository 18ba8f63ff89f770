/* SPDX-License-Identifier: MIT */
/* recognise.h - which model a weight file is of, told by the names and shapes of its tensors. */
#pragma once

#include "model/zoo/model.h"

struct vit_recognised {
    const struct vit_model_def *model;
    int classes; /* rows of the head */
};

/* The first model in the zoo whose parameters are all in the file with their shapes; the head may have any number of
 * classes. Tables of another input size are taken for the usual size. VIT_EFORMAT when there is none. */
int vit_recognise(const char *path, struct vit_recognised *result);
