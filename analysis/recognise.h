/* SPDX-License-Identifier: MIT */
/* recognise.h - which model a weight file is of, told by its own texts (weights that were trained here) or by the names
 * and shapes of its tensors. */
#pragma once

#include "model/zoo/model.h"

/* Must not be moved: model may point into it. */
struct vit_recognised {
    const struct vit_model_def *model;
    int classes;                 /* rows of the head */
    struct vit_model_choice own; /* where model is no row of the zoo */
};

/* The configuration that the texts vitscope.family and vitscope.config tell, else the first model in the zoo whose
 * parameters are all in the file with their shapes; the head may have any number of classes. Tables of another input
 * size are taken for the usual size. VIT_EFORMAT when there is none. */
int vit_recognise(const char *path, struct vit_recognised *result);

/* Whether what was written for a model names a weight file: "net.safetensors". */
bool vit_is_weight_file(const char *spec);

/* spec: NAME, NAME[SETTINGS] or a weight file; NULL: what the file `weights` is of. The settings `set`, where not NULL,
 * count last. */
int vit_recognise_model(struct vit_recognised *result, const char *spec, const char *weights, const char *set);
