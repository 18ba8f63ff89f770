/* SPDX-License-Identifier: MIT */
/* image_folder.c - .jpg, .jpeg and .png files as a dataset: one file, a folder of files (no labels), or a folder
 * with one subfolder per class as ImageNet is laid out. Everything is in the order of the names' bytes. */
#include "model/data/image_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

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

void vit_image_folder_close(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    for (int64_t i = 0; i < state->count; i++)
        free(state->files[i].path);
    for (int i = 0; i < state->class_count; i++)
        free(state->classes[i]);
    free(state->files);
    free(state->classes);
    free(state);
    dataset->state = NULL;
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

static char *name_of(char *path)
{
    return strrchr(path, '/') + 1;
}

/* The paths of the subfolders become the names of the classes. */
static int list_classes(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    for (int i = 0; i < state->class_count; i++) {
        /* a class of another folder may have no images here */
        int status = access(state->classes[i], F_OK) == 0 ? list_folder(dataset, state->classes[i], i, 0) : VIT_OK;
        if (status)
            return status;
        char *name = name_of(state->classes[i]);
        memmove(state->classes[i], name, strlen(name) + 1);
    }
    dataset->classes = state->class_count;
    dataset->class_names = (const char *const *)state->classes;
    return VIT_OK;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

/* Exchanges the classes of two states. */
static void swap_classes(struct state *a, struct state *b)
{
    struct state kept = *a;
    a->classes = b->classes;
    a->class_count = b->class_count;
    b->classes = kept.classes;
    b->class_count = kept.class_count;
}

/* The classes become those of another folder; images are still looked for here. Classes that it lacks are an error. */
static int adopt_classes(struct vit_dataset *dataset, const struct vit_image_folder *folder)
{
    struct state *state = dataset->state, *other = calloc(1, sizeof *other);
    struct vit_dataset view = {.state = other};
    if (!other)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", folder->path);
    int status = list_folder(&view, folder->classes, -1, 1);
    for (int i = 0; !status && i < state->class_count; i++)
        if (!bsearch(&state->classes[i], other->classes, (size_t)other->class_count, sizeof *other->classes,
                     compare_paths))
            status = vit_fail(VIT_EFORMAT, "%s: no such class in %s", state->classes[i], folder->classes);
    for (int i = 0; !status && i < other->class_count; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", folder->path, name_of(other->classes[i])) < 0)
            status = vit_fail(VIT_ENOMEM, "%s: out of memory", folder->path);
        else {
            free(other->classes[i]);
            other->classes[i] = path;
        }
    }
    if (!status)
        swap_classes(state, other);
    vit_image_folder_close(&view);
    return status;
}

static int list(struct vit_dataset *dataset, const struct vit_image_folder *folder)
{
    struct state *state = dataset->state;
    const char *path = folder->path;
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
    if (state->count > 0)
        dataset->ignored += state->class_count; /* images lie here: subfolders are no classes */
    else {
        if (folder->classes)
            status = adopt_classes(dataset, folder);
        if (!status)
            status = list_classes(dataset);
    }
    if (!status && state->count == 0)
        status = vit_fail(VIT_EFORMAT, "%s: no .jpg, .jpeg or .png images here or in subfolders (%lld files ignored)",
                          path, (long long)dataset->ignored);
    return status;
}

int vit_image_folder_open(struct vit_dataset *dataset, const struct vit_image_folder *folder)
{
    dataset->state = calloc(1, sizeof(struct state));
    if (!dataset->state)
        return vit_fail(VIT_ENOMEM, "%s: out of memory", folder->path);
    int status = list(dataset, folder);
    dataset->count = ((struct state *)dataset->state)->count;
    if (status)
        vit_image_folder_close(dataset);
    return status;
}

static int open_folder(struct vit_dataset *dataset, const char *path)
{
    if (!*path)
        return vit_fail(VIT_EINVAL, "dataset folder: no path given; expected folder:PATH");
    return vit_image_folder_open(dataset, &(struct vit_image_folder){.path = path});
}

int vit_image_folder_read(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    return vit_image_read(image, ((const struct state *)dataset->state)->files[index].path);
}

int vit_image_folder_label(const struct vit_dataset *dataset, int64_t index)
{
    return ((const struct state *)dataset->state)->files[index].label;
}

const char *vit_image_folder_path(const struct vit_dataset *dataset, int64_t index)
{
    return ((const struct state *)dataset->state)->files[index].path;
}

const struct vit_dataset_def vit_dataset_image_folder = {
    .name = "folder",
    .argument = ":PATH",
    .summary = "JPEG and PNG files: one, a folder of them, or a folder with one subfolder per class",
    .open = open_folder,
    .read = vit_image_folder_read,
    .label = vit_image_folder_label,
    .path = vit_image_folder_path,
    .close = vit_image_folder_close,
};
