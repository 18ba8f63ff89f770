/* SPDX-License-Identifier: MIT */
#include "tests/support/file_tree.h"

#include "tests/support/test.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void file_tree_write(const char *root, const char *path, const char *text)
{
    char whole[PATH_MAX];
    assert_true(snprintf(whole, sizeof whole, "%s/%s", root, path) < (int)sizeof whole);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void file_tree_open(char root[FILE_TREE_PATH], const struct file_text *file, int n)
{
    snprintf(root, FILE_TREE_PATH, "/tmp/vitscope_tree_XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(chmod(root, 0755), 0);
    for (int i = 0; i < n; i++)
        file_tree_write(root, file[i].path, file[i].text);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void file_tree_close(const char *root)
{
    assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
