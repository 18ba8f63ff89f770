/* SPDX-License-Identifier: MIT */
/* imagenet.c - folders as ImageNet is unpacked: PATH/train and PATH/val with a subfolder per class. The classes are
 * those of train, in the order of the names' bytes, also for val; a list of words gives them readable names. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/base/status.h"
#include "model/data/image_folder.h"
#include "model/data/name_list.h"

/* Lines "n01440764 tench, Tinca tinca", as Kaggle's and Caffe's archives have them. */
static const char *const word_files[] = {"LOC_synset_mapping.txt", "synset_words.txt"};

struct state {
    struct vit_dataset images; /* the folder */
    struct vit_name_list words;
    const char **names; /* (classes) */
};

static void close_imagenet(struct vit_dataset *dataset)
{
    struct state *state = dataset->state;
    if (state->images.state)
        vit_image_folder_close(&state->images);
    vit_name_list_close(&state->words);
    free(state->names);
    free(state);
}

/* Words of the classes that the list names; the others keep their folder's name. */
static void name_classes(struct state *state)
{
    for (int c = 0; c < state->images.classes; c++) {
        const char *folder = state->names[c] = state->images.class_names[c];
        const size_t length = strlen(folder);
        for (int i = 0; i < state->words.count; i++)
            if (strncmp(state->words.name[i], folder, length) == 0 && state->words.name[i][length] == ' ')
                state->names[c] = state->words.name[i] + length + 1;
    }
}

static int read_words(struct state *state, const char *root)
{
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof word_files / sizeof word_files[0] && status == VIT_OK; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", root, word_files[i]) < 0)
            return vit_fail(VIT_ENOMEM, "%s: out of memory", root);
        if (state->words.count == 0 && access(path, F_OK) == 0) {
            vit_name_list_close(&state->words);
            status = vit_name_list_read(&state->words, path);
        }
        free(path);
    }
    state->names = calloc((size_t)state->images.classes, sizeof *state->names);
    if (status == VIT_OK && !state->names)
        status = vit_fail(VIT_ENOMEM, "%s: out of memory", root);
    if (status == VIT_OK)
        name_classes(state);
    return status;
}

static int open_split(struct state *state, const char *root, bool train)
{
    char *path = NULL, *classes = NULL;
    struct stat info;
    int status = VIT_OK;
    if (asprintf(&path, "%s/%s", root, train ? "train" : "val") < 0)
        path = NULL;
    if (asprintf(&classes, "%s/train", root) < 0)
        classes = NULL;
    if (!path || !classes)
        status = vit_fail(VIT_ENOMEM, "%s: out of memory", root);
    else if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        status = vit_fail(VIT_EIO, "%s: no such folder; expected %s/train and %s/val with a subfolder per class", path,
                          root, root);
    else
        status = vit_image_folder_open(
            &state->images,
            &(struct vit_image_folder){.path = path, .classes = !train && access(classes, R_OK) == 0 ? classes : NULL});
    if (status == VIT_OK && state->images.classes == 0)
        status = vit_fail(VIT_EFORMAT, "%s: images lie here; expected them in a subfolder per class", path);
    free(path);
    free(classes);
    return status;
}

/* "PATH", "PATH:train" or "PATH:val". */
static int open_imagenet(struct vit_dataset *dataset, const char *argument)
{
    const char *colon = strrchr(argument, ':');
    const bool train = colon && strcmp(colon, ":train") == 0, split = train || (colon && strcmp(colon, ":val") == 0);
    char *root = split ? strndup(argument, (size_t)(colon - argument)) : strdup(argument);
    struct state *state = calloc(1, sizeof *state);
    int status = VIT_OK;
    dataset->state = state;
    if (!root || !state)
        status = vit_fail(VIT_ENOMEM, "dataset imagenet: out of memory");
    else if (!*root)
        status = vit_fail(VIT_EINVAL, "dataset imagenet: no path given; expected imagenet:PATH[:train|:val]");
    else
        status = open_split(state, root, train);
    if (status == VIT_OK)
        status = read_words(state, root);
    free(root);
    if (status != VIT_OK) {
        if (state)
            close_imagenet(dataset);
        return status;
    }
    dataset->count = state->images.count;
    dataset->ignored = state->images.ignored;
    dataset->classes = state->images.classes;
    dataset->class_names = state->names;
    return VIT_OK;
}

static int read_image(const struct vit_dataset *dataset, int64_t index, struct vit_image *image)
{
    return vit_image_folder_read(&((const struct state *)dataset->state)->images, index, image);
}

static int label_of(const struct vit_dataset *dataset, int64_t index)
{
    return vit_image_folder_label(&((const struct state *)dataset->state)->images, index);
}

static const char *path_of(const struct vit_dataset *dataset, int64_t index)
{
    return vit_image_folder_path(&((const struct state *)dataset->state)->images, index);
}

const struct vit_dataset_def vit_dataset_imagenet = {
    .name = "imagenet",
    .argument = ":FOLDER[:val|:train]",
    .summary =
        "FOLDER/train and FOLDER/val with a subfolder per class; names from LOC_synset_mapping.txt if it is there",
    .open = open_imagenet,
    .read = read_image,
    .label = label_of,
    .path = path_of,
    .close = close_imagenet,
};
