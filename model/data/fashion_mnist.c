/* SPDX-License-Identifier: MIT */
/* fashion_mnist.c - Fashion-MNIST: 28 x 28 gray photos of clothes, 60000 for training and 10000 for testing,
 * as the Debian package dataset-fashion-mnist installs them. */
#include "model/data/idx_pair.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/base/status.h"

#define DEFAULT_FOLDER "/usr/share/datasets/fashion-mnist"

static const char *const class_names[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static const struct {
    const char *name, *prefix;
} splits[] = {{"test", "t10k"}, {"train", "train"}};

/* "train:FOLDER" -> "train" and FOLDER; a part that is missing stays as it is. */
static void split_argument(const char *argument, const char **prefix, const char **folder)
{
    for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
        size_t length = strlen(splits[i].name);
        if (strncmp(argument, splits[i].name, length) != 0 || (argument[length] != '\0' && argument[length] != ':'))
            continue;
        *prefix = splits[i].prefix;
        argument += argument[length] ? length + 1 : length;
        break;
    }
    if (*argument)
        *folder = argument;
}

static int open_split(struct vit_dataset *dataset, const char *argument)
{
    const char *prefix = splits[0].prefix, *folder = DEFAULT_FOLDER;
    split_argument(argument, &prefix, &folder);
    char *images = NULL, *labels = NULL;
    int status = VIT_OK;
    if (asprintf(&images, "%s/%s-images-idx3-ubyte.gz", folder, prefix) < 0)
        return vit_fail(VIT_ENOMEM, "dataset fashion-mnist: out of memory");
    if (asprintf(&labels, "%s/%s-labels-idx1-ubyte.gz", folder, prefix) < 0) {
        labels = NULL;
        status = vit_fail(VIT_ENOMEM, "dataset fashion-mnist: out of memory");
    } else if (access(images, R_OK) != 0 || access(labels, R_OK) != 0)
        status =
            vit_fail(VIT_EIO, "dataset fashion-mnist: %s: not found; %s", access(images, R_OK) != 0 ? images : labels,
                     strcmp(folder, DEFAULT_FOLDER) == 0 ? "apt-get install dataset-fashion-mnist"
                                                         : "there are test, train, and folders of these files");
    else
        status = vit_idx_pair_open(dataset, &(struct vit_idx_pair){.images = images, .labels = labels, .classes = 10});
    if (!status) {
        dataset->class_names = class_names;
        for (int c = 0; c < 3; c++) { /* of the 60000 training images */
            dataset->mean[c] = 0.2860;
            dataset->std[c] = 0.3530;
        }
    }
    free(images);
    free(labels);
    return status;
}

const struct vit_dataset_def vit_dataset_fashion_mnist = {
    .name = "fashion-mnist",
    .argument = "[:test|:train][:FOLDER]",
    .summary = "28 x 28 gray photos of clothes in 10 classes (Debian package dataset-fashion-mnist)",
    .open = open_split,
    .read = vit_idx_pair_read,
    .label = vit_idx_pair_label,
    .path = vit_idx_pair_path,
    .close = vit_idx_pair_close,
};
