/* SPDX-License-Identifier: MIT */
/* dataset.c - finds the kind of a dataset, and reads batches from it. */
#include "model/data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/base/status.h"
#include "model/data/selection.h"

#define X(id) extern const struct vit_dataset_def vit_dataset_##id;
#include "model/data/datasets.def"
#undef X

static const struct vit_dataset_def *const kinds[] = {
#define X(id) &vit_dataset_##id,
#include "model/data/datasets.def"
#undef X
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* The kind that `spec` names, and what follows its colon. */
static const struct vit_dataset_def *find_kind(const char *spec, const char **argument)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = strlen(kinds[i]->name);
        if (strncmp(spec, kinds[i]->name, length) != 0 || (spec[length] != '\0' && spec[length] != ':'))
            continue;
        *argument = spec[length] ? spec + length + 1 : "";
        return kinds[i];
    }
    return NULL;
}

static int fail_unknown(const char *spec)
{
    char names[256] = "";
    for (size_t i = 0, used = 0; i < KINDS && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", kinds[i]->name);
    return vit_fail(VIT_EINVAL, "dataset %s: no such file or folder, and no kind of dataset (%s)", spec, names);
}

static int open_whole(struct vit_dataset *dataset, const char *spec)
{
    *dataset = (struct vit_dataset){.mean = VIT_IMAGENET_MEAN, .std = VIT_IMAGENET_STD};
    const char *argument = spec;
    struct stat info;
    dataset->def = find_kind(spec, &argument);
    if (!dataset->def && stat(spec, &info) != 0)
        return fail_unknown(spec);
    if (!dataset->def)
        dataset->def = &vit_dataset_image_folder;
    int status = dataset->def->open(dataset, argument);
    if (status)
        *dataset = (struct vit_dataset){0};
    return status;
}

int vit_dataset_open(struct vit_dataset *dataset, const char *spec)
{
    const char *selection = vit_selection_find(spec);
    if (!selection)
        return open_whole(dataset, spec);
    *dataset = (struct vit_dataset){0};
    char *whole = strndup(spec, (size_t)(selection - spec) - 1);
    int status = whole ? open_whole(dataset, whole) : vit_fail(VIT_ENOMEM, "dataset %s: out of memory", spec);
    free(whole);
    if (status != VIT_OK)
        return status;
    status = vit_selection_open(dataset, selection);
    if (status != VIT_OK)
        vit_dataset_close(dataset);
    return status;
}

void vit_dataset_close(struct vit_dataset *dataset)
{
    if (dataset->def)
        dataset->def->close(dataset);
    *dataset = (struct vit_dataset){0};
}

int vit_dataset_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    *image = (struct vit_image){0};
    if (index < 0 || index >= dataset->count)
        return vit_fail(VIT_EINVAL, "dataset %s: image %lld; there are images 0 to %lld", dataset->def->name,
                        (long long)index, (long long)dataset->count - 1);
    return dataset->def->read(dataset, index, image);
}

int vit_dataset_label(const struct vit_dataset *dataset, int64_t index)
{
    return index >= 0 && index < dataset->count ? dataset->def->label(dataset, index) : -1;
}

const char *vit_dataset_path(const struct vit_dataset *dataset, int64_t index)
{
    return dataset->def->path ? dataset->def->path(dataset, index) : dataset->def->name;
}

int vit_dataset_batch(const struct vit_dataset *dataset, const struct vit_batch *batch)
{
    size_t image_values = 3 * (size_t)batch->preprocess->size * (size_t)batch->preprocess->size;
    for (int i = 0; i < batch->count; i++) {
        struct vit_image image;
        int64_t index = batch->first + i;
        int status = vit_dataset_read(dataset, index, &image);
        if (status)
            return status;
        status = vit_preprocess_image(&image, batch->preprocess, batch->images + (size_t)i * image_values);
        vit_image_close(&image);
        if (status)
            return vit_fail_in(status, "dataset %s: image %lld", dataset->def->name, (long long)index);
        if (batch->labels)
            batch->labels[i] = vit_dataset_label(dataset, index);
    }
    return VIT_OK;
}

void vit_dataset_print_kinds(FILE *out)
{
    for (size_t i = 0; i < KINDS; i++)
        fprintf(out, "  %s%s\n      %s\n", kinds[i]->name, kinds[i]->argument, kinds[i]->summary);
    fprintf(out, "  KIND@train=0.9, KIND@val=0.1, KIND@first=1000\n      a share of each class, what it leaves, or so "
                 "many images; "
                 "seed=N of the choice: KIND@train=0.9,seed=2,first=1000\n");
}
