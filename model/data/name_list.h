/* SPDX-License-Identifier: MIT */
/* name_list.h - names of classes from a text file, one a line. */
#pragma once

struct vit_name_list {
    char *text;
    char **name; /* (count), without ends of lines; empty lines are left out */
    int count;
};

/* Fails when the file cannot be read or has more than a megabyte. */
int vit_name_list_read(struct vit_name_list *list, const char *path);
void vit_name_list_close(struct vit_name_list *list);
