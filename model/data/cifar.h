/* SPDX-License-Identifier: MIT */
/* cifar.h - files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009), "binary version": records of one or two label bytes and
 * 32 x 32 pixels, all red ones, then green, then blue. */
#pragma once

#include <stdint.h>

struct vit_cifar_format {
    int label_bytes; /* the last of them is the class */
    int classes;
};

struct vit_cifar_file {
    int descriptor;
    char *path;
    int64_t count;
    uint8_t *labels; /* (count) */
};

/* Reads the labels; pixels are read when they are wanted. VIT_EFORMAT: not a whole number of records, or a label that
 * is out of range. Leaves nothing to close when it fails. */
int vit_cifar_file_open(struct vit_cifar_file *file, const char *path, const struct vit_cifar_format *format);
void vit_cifar_file_close(struct vit_cifar_file *file);
