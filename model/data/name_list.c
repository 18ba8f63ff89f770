/* SPDX-License-Identifier: MIT */
#include "model/data/name_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/base/status.h"

#define MOST_BYTES ((size_t)1 << 20)

static int read_text(struct vit_name_list *list, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return vit_fail(VIT_EIO, "%s: not a file of names", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    list->text = malloc(MOST_BYTES + 1);
    int status = list->text ? VIT_OK : vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    size_t size = status == VIT_OK ? fread(list->text, 1, MOST_BYTES + 1, file) : 0;
    if (status == VIT_OK && ferror(file))
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    if (status == VIT_OK && size > MOST_BYTES)
        status = vit_fail(VIT_EFORMAT, "%s: more than %zu bytes of names", path, MOST_BYTES);
    if (status == VIT_OK)
        list->text[size] = '\0';
    fclose(file);
    return status;
}

int vit_name_list_read(struct vit_name_list *list, const char *path)
{
    *list = (struct vit_name_list){0};
    int status = read_text(list, path), lines = 1;
    for (const char *c = status == VIT_OK ? list->text : ""; *c; c++)
        lines += *c == '\n';
    list->name = calloc((size_t)lines, sizeof *list->name);
    if (status == VIT_OK && !list->name)
        status = vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    for (char *rest = list->text, *line; status == VIT_OK && (line = strsep(&rest, "\r\n"));)
        if (*line)
            list->name[list->count++] = line;
    if (status != VIT_OK)
        vit_name_list_close(list);
    return status;
}

void vit_name_list_close(struct vit_name_list *list)
{
    free(list->text);
    free(list->name);
    *list = (struct vit_name_list){0};
}
