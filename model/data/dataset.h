/* SPDX-License-Identifier: MIT */
/* dataset.h - numbered images with labels, whatever they are stored in. Kinds are listed in datasets.def.
 * A dataset that is open is not changed by reading it: several threads may read at once. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "model/base/real.h"
#include "model/data/image.h"
#include "model/data/preprocess.h"

struct vit_dataset;

/* One kind of dataset. open fills count, classes, class_names and state; when it fails it leaves nothing to close. */
struct vit_dataset_def {
    const char *name;     /* what a spec starts with: "fashion-mnist" */
    const char *argument; /* what may follow the name, for the help: "[:train|:test][:FOLDER]" */
    const char *summary;  /* one line for the help */
    int (*open)(struct vit_dataset *dataset, const char *argument); /* argument: "" when none was given */
    int (*read)(const struct vit_dataset *dataset, int64_t index, struct vit_image *image);
    int (*label)(const struct vit_dataset *dataset, int64_t index);        /* -1: not known */
    const char *(*path)(const struct vit_dataset *dataset, int64_t index); /* file of an image; NULL: there are none */
    void (*close)(struct vit_dataset *dataset);
};

struct vit_dataset {
    const struct vit_dataset_def *def;
    int64_t count;                  /* images, at least one */
    int64_t ignored;                /* files in a folder that are no images */
    int classes;                    /* 0: no labels */
    const char *const *class_names; /* (classes), or NULL: the numbers are the names */
    double mean[3], std[3];         /* of the pixels, values 0 to 1: ImageNet's unless the kind knows its own */
    void *state;
};

/* spec is NAME[:ARGUMENT] with a name from datasets.def, or the path of an image or of a folder of images.
 * A path that looks like a name is written folder:PATH. What follows an '@' chooses a part (selection.h). */
int vit_dataset_open(struct vit_dataset *dataset, const char *spec);
void vit_dataset_close(struct vit_dataset *dataset);

/* 0 <= index < count; the caller closes the image. */
int vit_dataset_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image);

/* Class of an image: 0 <= label < classes, or -1 when it is not known. */
int vit_dataset_label(const struct vit_dataset *dataset, int64_t index);

/* The file that an image is in, for messages; the name of the kind where there are no files. */
const char *vit_dataset_path(const struct vit_dataset *dataset, int64_t index);

struct vit_batch {
    int64_t first; /* images first .. first + count - 1 */
    int count;
    const struct vit_preprocess *preprocess;
    vit_real *images; /* (count, 3, size, size), written */
    int *labels;      /* (count), written; or NULL */
};

/* Reads and preprocesses `count` images. Fails at the first one that cannot be read, with its path in the message. */
int vit_dataset_batch(const struct vit_dataset *dataset, const struct vit_batch *batch);

/* Lists the kinds of datasets, one a line. */
void vit_dataset_print_kinds(FILE *out);
