/* SPDX-License-Identifier: MIT */
/* csv_files.h - the CSV files below some folders, each name once. */
#pragma once

#include <stdint.h>

struct vit_csv_files {
    struct vit_csv_file {
        char *name;   /* below the folder */
        int64_t rows; /* for the caller to count */
    } * file;
    int n, capacity;
};

/* Adds what is in a folder and in the folders in it, in the order of their names; hidden ones are left out. A zeroed
 * list is empty. After a failure close it all the same. */
int vit_csv_files_find(struct vit_csv_files *files, const char *folder);
void vit_csv_files_close(struct vit_csv_files *files);
