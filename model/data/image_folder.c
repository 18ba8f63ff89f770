/* SPDX-License-Identifier: MIT */
/* image_folder.c - .jpg, .jpeg and .png files as a dataset: one file, a folder of files (no labels), or a folder
 * with one subfolder per class as ImageNet is laid out. Everything is in the order of the names' bytes. */
#include "model/data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "model/base/status.h"

struct file {
    char *path;
    int label;
};

struct state {
    struct file *files;
    int64_t count, room;
    char **classes;
    int class_count;
};

static void close_folder(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    for (int64_t i = 0; i < state->count; i++)
        free(state->files[i].path);
    for (int i = 0; i < state->class_count; i++)
        free(state->classes[i]);
    free(state->files);
    free(state->classes);
    free(state);
}

/* Takes the path over, also when it fails. */
static int add_file(struct state *state, char *path, int label)
{
    if (state->count == state->room) {
        int64_t room = state->room ? 2 * state->room : 64;
        struct file *grown = realloc(state->files, (size_t)room * sizeof *grown);
        if (!grown) {
            free(path);
            return vit_fail(VIT_ENOMEM, "image folder: out of memory");
        }
        state->files = grown;
        state->room = room;
    }
    state->files[state->count++] = (struct file){path, label};
    return VIT_OK;
}

static int has_image_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return 1;
    return 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort, which follows the locale */
}

static int is_not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* One level of a folder. With keep_classes the paths of subfolders become classes, else they count as ignored. */
static int list_folder(struct vit_dataset *dataset, const char *folder, int label, int keep_classes)
{
    struct state *state = dataset->state;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_not_hidden, compare_names), status = VIT_OK;
    if (count < 0)
        return vit_fail(VIT_EIO, "%s: %s", folder, strerror(errno));
    if (keep_classes) {
        state->classes = calloc((size_t)count + 1, sizeof *state->classes);
        if (!state->classes)
            status = vit_fail(VIT_ENOMEM, "%s: out of memory", folder);
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        struct stat info;
        if (!status && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0) {
            path = NULL;
            status = vit_fail(VIT_ENOMEM, "%s: out of memory", folder);
        }
        int found = !status && stat(path, &info) == 0;
        if (found && S_ISREG(info.st_mode) && has_image_name(path)) {
            status = add_file(state, path, label);
            path = NULL;
        } else if (found && S_ISDIR(info.st_mode) && keep_classes) {
            state->classes[state->class_count++] = path;
            path = NULL;
        } else
            dataset->ignored++;
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* The paths of the subfolders become the names of the classes. */
static int list_classes(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    for (int i = 0; i < state->class_count; i++) {
        int status = list_folder(dataset, state->classes[i], i, 0);
        if (status)
            return status;
        char *name = strrchr(state->classes[i], '/') + 1;
        memmove(state->classes[i], name, strlen(name) + 1);
    }
    dataset->classes = state->class_count;
    dataset->class_names = (const char *const *)state->classes;
    return VIT_OK;
}

static int list(struct vit_dataset *dataset, const char *path)
{
    struct state *state = dataset->state;
    struct stat info;
    if (stat(path, &info) != 0)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode)) {
        char *copy = strdup(path);
        return copy ? add_file(state, copy, -1) : vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    }
    int status = list_folder(dataset, path, -1, 1);
    if (status)
        return status;
    if (state->count == 0)
        status = list_classes(dataset);
    else
        dataset->ignored += state->class_count; /* images lie here: subfolders are no classes */
    if (!status && state->count == 0)
        status = vit_fail(VIT_EFORMAT, "%s: no .jpg, .jpeg or .png images here or in subfolders (%lld files ignored)",
                          path, (long long)dataset->ignored);
    return status;
}

static int open_folder(struct vit_dataset *dataset, const char *path)
{
    if (!*path)
        return vit_fail(VIT_EINVAL, "dataset folder: no path given; expected folder:PATH");
    dataset->state = calloc(1, sizeof(struct state));
    if (!dataset->state)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    int status = list(dataset, path);
    dataset->count = ((struct state *)dataset->state)->count;
    if (status)
        close_folder(dataset);
    return status;
}

static int read_file(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    return vit_image_read(image, ((const struct state *)dataset->state)->files[index].path);
}

static int label_of(const struct vit_dataset *dataset, int64_t index)
{
    return ((const struct state *)dataset->state)->files[index].label;
}

static const char *path_of(const struct vit_dataset *dataset, int64_t index)
{
    return ((const struct state *)dataset->state)->files[index].path;
}

const struct vit_dataset_def vit_dataset_image_folder = {
    .name = "folder",
    .argument = ":PATH",
    .summary = "JPEG and PNG files: one, a folder of them, or a folder with one subfolder per class",
    .open = open_folder,
    .read = read_file,
    .label = label_of,
    .path = path_of,
    .close = close_folder,
};
