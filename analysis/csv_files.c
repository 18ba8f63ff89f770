/* SPDX-License-Identifier: MIT */
#include "analysis/csv_files.h"

#include "model/base/status.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST_NAME = 2000, LONGEST_PATH = 6200 };

static int note(struct vit_csv_files *files, const char *name)
{
    for (int i = 0; i < files->n; i++)
        if (strcmp(files->file[i].name, name) == 0)
            return VIT_OK;
    if (files->n == files->capacity) {
        const int capacity = files->capacity ? 2 * files->capacity : 16;
        struct vit_csv_file *grown = realloc(files->file, (size_t)capacity * sizeof *grown);
        if (!grown)
            return vit_fail(VIT_ENOMEM, "out of memory: list of files");
        files->file = grown;
        files->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return vit_fail(VIT_ENOMEM, "out of memory: list of files");
    files->file[files->n++] = (struct vit_csv_file){.name = copy};
    return VIT_OK;
}

static int find_below(struct vit_csv_files *files, const char *folder, const char *below);

static int look_at(struct vit_csv_files *files, const char *folder, const char *below, const char *entry)
{
    char name[LONGEST_NAME], path[LONGEST_PATH];
    struct stat info;
    const size_t length = strlen(entry);
    if (*entry == '.')
        return VIT_OK;
    if (snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", entry) >= LONGEST_NAME)
        return vit_fail(VIT_EINVAL, "%s/%s: the names of its files are too long", folder, below);
    snprintf(path, sizeof path, "%.4000s/%s", folder, name);
    if (stat(path, &info) != 0)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return find_below(files, folder, name);
    return length > 4 && strcmp(entry + length - 4, ".csv") == 0 ? note(files, name) : VIT_OK;
}

static int find_below(struct vit_csv_files *files, const char *folder, const char *below)
{
    char path[LONGEST_PATH];
    struct dirent **entry;
    int status = VIT_OK;
    snprintf(path, sizeof path, "%.4000s/%.2000s", folder, below);
    const int n = scandir(path, &entry, NULL, alphasort);
    if (n < 0)
        return vit_fail(VIT_EIO, "%s: cannot read this folder: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (status == VIT_OK)
            status = look_at(files, folder, below, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return status;
}

int vit_csv_files_find(struct vit_csv_files *files, const char *folder)
{
    return find_below(files, folder, "");
}

void vit_csv_files_close(struct vit_csv_files *files)
{
    for (int i = 0; i < files->n; i++)
        free(files->file[i].name);
    free(files->file);
    *files = (struct vit_csv_files){0};
}
