/* SPDX-License-Identifier: MIT */
/* file_tree.h - a folder of small text files, for readers of /sys and /proc. */
#pragma once

struct file_text {
    const char *path; /* below the root; folders are made */
    const char *text;
};

enum { FILE_TREE_PATH = 64 };

/* A new folder under /tmp with the files; its path goes to root. */
void file_tree_open(char root[FILE_TREE_PATH], const struct file_text *file, int n);
void file_tree_write(const char *root, const char *path, const char *text);
void file_tree_close(const char *root); /* removes it with all in it */
