/* SPDX-License-Identifier: MIT */
/* cifar.c - CIFAR-10 and CIFAR-100 as datasets. Pixels stay in their files, which the system caches: several processes
 * share them. */
#include "model/data/cifar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/base/status.h"
#include "model/data/dataset.h"
#include "model/data/name_list.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, MOST_FILES = 5 };

/* What the archives hold; means and deviations are the published ones of the training images. */
struct kind {
    const char *name, *folder, *names;
    struct vit_cifar_format format;
    const char *train[MOST_FILES + 1], *test[2];
    double mean[3], std[3];
};

static const struct kind cifar10 = {
    .name = "cifar10",
    .folder = "cifar-10-batches-bin",
    .names = "batches.meta.txt",
    .format = {.label_bytes = 1, .classes = 10},
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    .test = {"test_batch.bin"},
    .mean = {0.4914, 0.4822, 0.4465},
    .std = {0.2470, 0.2435, 0.2616},
};

static const struct kind cifar100 = {
    .name = "cifar100",
    .folder = "cifar-100-binary",
    .names = "fine_label_names.txt",
    .format = {.label_bytes = 2, .classes = 100},
    .train = {"train.bin"},
    .test = {"test.bin"},
    .mean = {0.5071, 0.4865, 0.4409},
    .std = {0.2673, 0.2564, 0.2762},
};

struct state {
    const struct kind *kind;
    struct vit_cifar_file file[MOST_FILES];
    int files;
    struct vit_name_list names;
};

/* Every byte of `size` at `offset`. */
static int read_at(const struct vit_cifar_file *file, void *out, size_t size, int64_t offset)
{
    ssize_t got = pread(file->descriptor, out, size, offset);
    if (got == (ssize_t)size)
        return VIT_OK;
    return vit_fail(VIT_EIO, "%s: %s", file->path, got < 0 ? strerror(errno) : "shrank while being read");
}

static int read_labels(struct vit_cifar_file *file, const struct vit_cifar_format *format)
{
    const int64_t record = format->label_bytes + 3 * PIXELS;
    struct stat info;
    if (fstat(file->descriptor, &info) != 0)
        return vit_fail(VIT_EIO, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size == 0 || info.st_size % record != 0)
        return vit_fail(VIT_EFORMAT,
                        "%s: %lld bytes, which is no whole number of records of %lld (%d of label, 3072 of pixels): "
                        "truncated, or not of this dataset",
                        file->path, (long long)info.st_size, (long long)record, format->label_bytes);
    file->count = info.st_size / record;
    file->labels = malloc((size_t)file->count);
    if (!file->labels)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", file->path);
    for (int64_t i = 0; i < file->count; i++) {
        int status = read_at(file, &file->labels[i], 1, i * record + format->label_bytes - 1);
        if (status != VIT_OK)
            return status;
        if (file->labels[i] >= format->classes)
            return vit_fail(VIT_EFORMAT, "%s: label %d of image %lld; expected 0 to %d", file->path, file->labels[i],
                            (long long)i, format->classes - 1);
    }
    return VIT_OK;
}

int vit_cifar_file_open(struct vit_cifar_file *file, const char *path, const struct vit_cifar_format *format)
{
    *file = (struct vit_cifar_file){.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .path = strdup(path)};
    int status = VIT_OK;
    if (!file->path)
        status = vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    else if (file->descriptor < 0)
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    else
        status = read_labels(file, format);
    if (status != VIT_OK)
        vit_cifar_file_close(file);
    return status;
}

void vit_cifar_file_close(struct vit_cifar_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    free(file->path);
    free(file->labels);
    *file = (struct vit_cifar_file){.descriptor = -1};
}

static void close_cifar(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    for (int i = 0; i < state->files; i++)
        vit_cifar_file_close(&state->file[i]);
    vit_name_list_close(&state->names);
    free(state);
}

/* The folder itself, or the one of the archive in it. */
static int find_folder(const struct kind *kind, char **folder, const char *first)
{
    char *inner = NULL, *probe = NULL;
    if (asprintf(&probe, "%s/%s", *folder, first) < 0)
        return vit_fail(VIT_ENOMEM, "dataset %s: out of memory", kind->name);
    const bool here = access(probe, F_OK) == 0;
    free(probe);
    if (here)
        return VIT_OK;
    if (asprintf(&inner, "%s/%s", *folder, kind->folder) < 0)
        return vit_fail(VIT_ENOMEM, "dataset %s: out of memory", kind->name);
    if (access(inner, F_OK) != 0) {
        int status =
            vit_fail(VIT_EIO, "%s: neither %s nor the folder %s is there; give the unpacked \"binary version\"",
                     *folder, first, kind->folder);
        free(inner);
        return status;
    }
    free(*folder);
    *folder = inner;
    return VIT_OK;
}

static int read_names(struct state *state, const char *folder)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, state->kind->names) < 0)
        return vit_fail(VIT_ENOMEM, "dataset %s: out of memory", state->kind->name);
    int status = VIT_OK;
    if (access(path, F_OK) == 0) {
        status = vit_name_list_read(&state->names, path);
        if (status == VIT_OK && state->names.count != state->kind->format.classes)
            status = vit_fail(VIT_EFORMAT, "%s: %d names for %d classes", path, state->names.count,
                              state->kind->format.classes);
    }
    free(path);
    return status;
}

static int open_files(struct vit_dataset *dataset, const char *folder, const char *const *names)
{
    struct state *state = dataset->state;
    for (; names[state->files]; state->files++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, names[state->files]) < 0)
            return vit_fail(VIT_ENOMEM, "dataset %s: out of memory", state->kind->name);
        int status = vit_cifar_file_open(&state->file[state->files], path, &state->kind->format);
        free(path);
        if (status != VIT_OK)
            return status;
        dataset->count += state->file[state->files].count;
    }
    return VIT_OK;
}

/* "PATH", "PATH:train" or "PATH:test". */
static int open_kind(struct vit_dataset *dataset, const char *argument, const struct kind *kind)
{
    const char *colon = strrchr(argument, ':');
    const bool train = colon && strcmp(colon, ":train") == 0, split = train || (colon && strcmp(colon, ":test") == 0);
    char *folder = split ? strndup(argument, (size_t)(colon - argument)) : strdup(argument);
    struct state *state = calloc(1, sizeof *state);
    if (!folder || !state || !*folder) {
        int status = !folder || !state
                         ? vit_fail(VIT_ENOMEM, "dataset %s: out of memory", kind->name)
                         : vit_fail(VIT_EINVAL, "dataset %s: no path given; expected %s:PATH[:train|:test]", kind->name,
                                    kind->name);
        free(folder);
        free(state);
        return status;
    }
    const char *const *names = train ? kind->train : kind->test;
    state->kind = kind;
    dataset->state = state;
    int status = find_folder(kind, &folder, names[0]);
    if (status == VIT_OK)
        status = open_files(dataset, folder, names);
    if (status == VIT_OK)
        status = read_names(state, folder);
    free(folder);
    dataset->classes = kind->format.classes;
    dataset->class_names = (const char *const *)state->names.name;
    memcpy(dataset->mean, kind->mean, sizeof kind->mean);
    memcpy(dataset->std, kind->std, sizeof kind->std);
    if (status != VIT_OK)
        close_cifar(dataset);
    return status;
}

static int open_cifar10(struct vit_dataset *dataset, const char *argument)
{
    return open_kind(dataset, argument, &cifar10);
}

static int open_cifar100(struct vit_dataset *dataset, const char *argument)
{
    return open_kind(dataset, argument, &cifar100);
}

/* The file that an image is in; *index becomes its number there. */
static const struct vit_cifar_file *find_file(const struct vit_dataset *dataset, int64_t *index)
{
    const struct vit_cifar_file *file = ((const struct state *)dataset->state)->file;
    for (; *index >= file->count; file++)
        *index -= file->count;
    return file;
}

static int read_image(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    const struct vit_cifar_format *format = &((const struct state *)dataset->state)->kind->format;
    const struct vit_cifar_file *file = find_file(dataset, &index);
    uint8_t planes[3][PIXELS];
    int status = read_at(file, planes, sizeof planes, index * (format->label_bytes + 3 * PIXELS) + format->label_bytes);
    if (status == VIT_OK)
        status = vit_image_open(image, SIDE, SIDE);
    for (size_t i = 0; status == VIT_OK && i < PIXELS; i++)
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = planes[c][i];
    return status;
}

static int label_of(const struct vit_dataset *dataset, int64_t index)
{
    const struct vit_cifar_file *file = find_file(dataset, &index);
    return file->labels[index];
}

static const char *path_of(const struct vit_dataset *dataset, int64_t index)
{
    return find_file(dataset, &index)->path;
}

const struct vit_dataset_def vit_dataset_cifar10 = {
    .name = "cifar10",
    .argument = ":FOLDER[:test|:train]",
    .summary = "32 x 32 photos in 10 classes: data_batch_1.bin to _5.bin and test_batch.bin of the binary version",
    .open = open_cifar10,
    .read = read_image,
    .label = label_of,
    .path = path_of,
    .close = close_cifar,
};

const struct vit_dataset_def vit_dataset_cifar100 = {
    .name = "cifar100",
    .argument = ":FOLDER[:test|:train]",
    .summary = "32 x 32 photos in 100 classes (the fine labels): train.bin and test.bin of the binary version",
    .open = open_cifar100,
    .read = read_image,
    .label = label_of,
    .path = path_of,
    .close = close_cifar,
};
