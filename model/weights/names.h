/* SPDX-License-Identifier: MIT */
/* names.h - names of weights in published files and their names here, which are timm's. Naming schemes are rows of data
 * in names.c; one scheme holds for a whole file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { VIT_NAME_TEXT = 256 };

struct vit_naming {
    const char *title;                     /* "timm": for reports */
    const char *marker;                    /* a file with a name that begins so follows this scheme */
    const struct vit_name_rule *beginning; /* the first rule that fits the name's beginning is applied */
    const struct vit_name_rule *ending;    /* and the first that fits its ending; lists end with a zeroed rule */
};

/* Passes over the wrappers "model." and "module.", any number of them. */
const char *vit_name_unwrapped(const char *name);

/* A tensor that is no weight of the net: counters, index tables that follow from the shapes, the state of a training.
 */
bool vit_name_ignored(const char *name);

/* A tensor of the classifier: "head..." of transformers, "classifier..." of convolutional networks. */
bool vit_name_is_head(const char *name);

/* The scheme of a file with these n names, wrapped or not; never NULL: timm's own where no marker is found. */
const struct vit_naming *vit_naming_detect(const char *const *name, size_t n);

/* The name here of an unwrapped name. False when it does not fit into result (no such name is known). */
bool vit_naming_apply(const struct vit_naming *naming, const char *name, char result[VIT_NAME_TEXT]);
