/* SPDX-License-Identifier: MIT */
/* idx_pair.c - any two idx files of gray images and labels as a dataset: `idx:PATH` of the images, whose name
 * leads to the labels as MNIST's do: x-images-idx3-ubyte.gz, x-labels-idx1-ubyte.gz. */
#include "model/data/idx_pair.h"

#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "model/data/idx.h"

struct state {
    struct vit_idx images; /* (N, H, W) */
    struct vit_idx labels; /* (N) */
    char *path;            /* of the labels */
};

static int check(struct vit_dataset *dataset, const struct state *state, const struct vit_idx_pair *pair)
{
    const struct vit_idx *images = &state->images, *labels = &state->labels;
    if (images->dims != 3)
        return vit_fail(VIT_EFORMAT, "%s: idx file of %d dims; images have 3 (count, height, width)", pair->images,
                        images->dims);
    if (labels->dims != 1)
        return vit_fail(VIT_EFORMAT, "%s: idx file of %d dims; labels have 1", pair->labels, labels->dims);
    if (images->size[0] != labels->size[0])
        return vit_fail(VIT_EFORMAT, "%s: %lld labels for the %lld images of %s", pair->labels,
                        (long long)labels->size[0], (long long)images->size[0], pair->images);
    if (images->size[1] * images->size[2] > VIT_IMAGE_MAX_PIXELS)
        return vit_fail(VIT_EFORMAT, "%s: images of %lld x %lld pixels; at most %d megapixels are supported",
                        pair->images, (long long)images->size[2], (long long)images->size[1],
                        VIT_IMAGE_MAX_PIXELS / (1024 * 1024));
    int classes = pair->classes;
    for (int64_t i = 0; i < labels->size[0]; i++) {
        if (pair->classes && labels->values[i] >= pair->classes)
            return vit_fail(VIT_EFORMAT, "%s: label %d of image %lld; expected 0 to %d", pair->labels,
                            labels->values[i], (long long)i, pair->classes - 1);
        if (labels->values[i] >= classes)
            classes = labels->values[i] + 1;
    }
    dataset->count = images->size[0];
    dataset->classes = classes;
    return VIT_OK;
}

int vit_idx_pair_open(struct vit_dataset *dataset, const struct vit_idx_pair *pair)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", pair->images);
    dataset->state = state;
    state->path = strdup(pair->labels);
    if (!state->path) {
        vit_idx_pair_close(dataset);
        return vit_fail(VIT_ENOMEM, "%s: out of memory", pair->images);
    }
    int status = vit_idx_read(&state->images, pair->images);
    if (!status)
        status = vit_idx_read(&state->labels, pair->labels);
    if (!status)
        status = check(dataset, state, pair);
    if (status)
        vit_idx_pair_close(dataset);
    return status;
}

int vit_idx_pair_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    const struct vit_idx *images = &((const struct state *)dataset->state)->images;
    int status = vit_image_open(image, (int)images->size[2], (int)images->size[1]);
    if (status)
        return status;
    size_t pixels = (size_t)image->width * (size_t)image->height;
    const uint8_t *gray = images->values + (size_t)index * pixels;
    for (size_t i = 0; i < pixels; i++)
        memset(image->rgb + 3 * i, gray[i], 3);
    return VIT_OK;
}

int vit_idx_pair_label(const struct vit_dataset *dataset, int64_t index)
{
    return ((const struct state *)dataset->state)->labels.values[index];
}

const char *vit_idx_pair_path(const struct vit_dataset *dataset, int64_t index)
{
    (void)index;
    return ((const struct state *)dataset->state)->path;
}

void vit_idx_pair_close(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    vit_idx_close(&state->images);
    vit_idx_close(&state->labels);
    free(state->path);
    free(state);
    dataset->state = NULL;
}

/* Replaces the last `from` of the text by `to`, which is as long. */
static int replace(char *text, const char *from, const char *to)
{
    char *found = NULL;
    for (char *next = strstr(text, from); next; next = strstr(next + 1, from))
        found = next;
    if (!found)
        return 0;
    while (*to)
        *found++ = *to++;
    return 1;
}

static int open_by_name(struct vit_dataset *dataset, const char *path)
{
    if (!*path)
        return vit_fail(VIT_EINVAL, "dataset idx: no path given; expected idx:PATH of the images");
    char *labels = strdup(path);
    if (!labels)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    int status;
    if (!replace(labels, "images", "labels"))
        status = vit_fail(VIT_EINVAL,
                          "dataset idx: %s: the name must contain \"images\", where that of the labels has \"labels\"",
                          path);
    else {
        replace(labels, "idx3", "idx1");
        status = vit_idx_pair_open(dataset, &(struct vit_idx_pair){.images = path, .labels = labels});
    }
    free(labels);
    return status;
}

const struct vit_dataset_def vit_dataset_idx_pair = {
    .name = "idx",
    .argument = ":PATH",
    .summary = "gray images of an idx file (plain or gzip), labels beside it (x-images-idx3 with x-labels-idx1)",
    .open = open_by_name,
    .read = vit_idx_pair_read,
    .label = vit_idx_pair_label,
    .path = vit_idx_pair_path,
    .close = vit_idx_pair_close,
};
