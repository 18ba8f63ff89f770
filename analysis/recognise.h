/* SPDX-License-Identifier: MIT */
/* recognise.h - which model a weight file is of, told by its own texts (weights that were trained here) or by the names
 * and shapes of its tensors. */
#pragma once

#include "model/zoo/model.h"

/* Must not be moved: model may point into it. */
struct vit_recognised {
    const struct vit_model_def *model;
    int classes;              /* rows of the head */
    struct vit_model_def own; /* of a file that tells its configuration */
    char name[64];
};

/* The configuration that the texts vitscope.family and vitscope.config tell, else the first model in the zoo whose
 * parameters are all in the file with their shapes; the head may have any number of classes. Tables of another input
 * size are taken for the usual size. VIT_EFORMAT when there is none. */
int vit_recognise(const char *path, struct vit_recognised *result);
