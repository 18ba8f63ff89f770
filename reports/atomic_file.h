/* SPDX-License-Identifier: MIT */
/* atomic_file.h - files that appear whole or not at all: written beside, synced, renamed.
 * An existing file stays as it was until the new one is complete. */
#pragma once

#include <stdio.h>

struct vit_atomic_file {
    FILE *file;   /* write here */
    char *path;   /* where it will appear */
    char *beside; /* what is being written; NULL when path is a device or pipe, which is written straight */
};

/* The folder of `path` must exist. On failure nothing is left to close. */
int vit_atomic_open(struct vit_atomic_file *out, const char *path);

/* Makes the file appear. On failure (disk full, ...) the written part is removed, the file that was there stays. */
int vit_atomic_close(struct vit_atomic_file *out);

/* Removes what was written. Does nothing on a closed file. */
void vit_atomic_abort(struct vit_atomic_file *out);
