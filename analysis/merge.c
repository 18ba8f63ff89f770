/* SPDX-License-Identifier: MIT */
/* merge.c - `vitscope merge`: the CSV files of several run folders, shards of one list above all, put together. Rows
 * are copied as they are; what does not belong together is refused before anything is written. */
#include "analysis/command.h"
#include "analysis/csv_files.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/json_read.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_PATH = 6200 };

struct merge {
    const struct vit_options *options;
    int order[VIT_MAX_ARGUMENTS]; /* of the folders */
    struct vit_csv_files files;
};

/* What run.json of a folder says of its shard; count 0: nothing. */
static int read_shard(struct vit_shard *shard, const char *folder)
{
    char path[LONGEST_PATH];
    struct cJSON *root;
    *shard = (struct vit_shard){0, 0};
    snprintf(path, sizeof path, "%.4000s/run.json", folder);
    if (access(path, F_OK) != 0)
        return VIT_OK;
    int status = vit_json_read(&root, path);
    if (status != VIT_OK)
        return status;
    const struct cJSON *found = vit_json_member(vit_json_member(root, "options"), "shard");
    const int64_t index = vit_json_count(found, "index"), count = vit_json_count(found, "count");
    if (found && (index < 0 || index >= count || count > INT_MAX))
        status = vit_fail(VIT_EFORMAT, "%s: \"shard\" is no shard", path);
    else if (found)
        *shard = (struct vit_shard){(int)index, (int)count};
    vit_json_free(root);
    return status;
}

/* Shards that say so must be all there are of one list, each once; *order sorts the folders by them. */
static int check_shards(const struct vit_options *options, int order[VIT_MAX_ARGUMENTS])
{
    struct vit_shard shard[VIT_MAX_ARGUMENTS] = {{0, 0}};
    int place[VIT_MAX_ARGUMENTS];
    const int n = options->n_argument, count = n;
    for (int i = 0; i < n; i++) {
        order[i] = i;
        place[i] = -1;
        int status = read_shard(&shard[i], options->argument[i]);
        if (status != VIT_OK)
            return status;
        if (shard[i].count != shard[0].count)
            return vit_fail(VIT_EINVAL, "%s and %s are shards of different lists (of %d and of %d)",
                            options->argument[0], options->argument[i], shard[0].count, shard[i].count);
    }
    if (shard[0].count == 0)
        return VIT_OK;
    for (int i = 0; i < n; i++) {
        if (shard[i].index < count && place[shard[i].index] >= 0)
            return vit_fail(VIT_EINVAL, "%s and %s are both shard %d/%d", options->argument[place[shard[i].index]],
                            options->argument[i], shard[i].index, shard[i].count);
        if (shard[i].index < count)
            place[shard[i].index] = i;
    }
    for (int k = 0; k < shard[0].count; k++)
        if (k >= n || place[k] < 0)
            return vit_fail(VIT_EINVAL, "shard %d/%d is not among the folders: a merged table would lack its rows", k,
                            shard[0].count);
    memcpy(order, place, (size_t)n * sizeof *order);
    return VIT_OK;
}

/* The columns of both are the same; csv is the file at path, first the one at first_path. */
static int check_columns(const struct vit_csv *first, const char *first_path, const struct vit_csv *csv,
                         const char *path)
{
    const int n = vit_csv_columns(first);
    if (vit_csv_columns(csv) != n)
        return vit_fail(VIT_EFORMAT, "%s has %d columns, %s has %d: they are not rows of one table", path,
                        vit_csv_columns(csv), first_path, n);
    for (int i = 0; i < n; i++)
        if (strcmp(vit_csv_name(first, i), vit_csv_name(csv, i)) != 0)
            return vit_fail(VIT_EFORMAT, "%s: column %d is %s, in %s it is %s: they are not rows of one table", path,
                            i + 1, vit_csv_name(csv, i), first_path, vit_csv_name(first, i));
    return VIT_OK;
}

/* Lines of the file from the second on (the heading has no line breaks in it: it was compared), or all. */
static int copy_lines(FILE *to, const char *path, bool heading)
{
    char text[1 << 16];
    size_t n;
    int c = 0;
    FILE *from = fopen(path, "r");
    if (!from)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    while (!heading && c != '\n' && c != EOF)
        c = getc(from);
    char last = '\n';
    while ((n = fread(text, 1, sizeof text, from)) > 0) {
        last = text[n - 1];
        fwrite(text, 1, n, to);
    }
    if (last != '\n')
        putc('\n', to);
    int status = ferror(from) ? vit_fail(VIT_EIO, "%s: %s", path, strerror(errno)) : VIT_OK;
    fclose(from);
    return status;
}

/* The i-th folder's file of this name; false: it has none. */
static bool file_of(const struct merge *merge, int i, const char *name, char path[LONGEST_PATH])
{
    snprintf(path, LONGEST_PATH, "%.4000s/%s", merge->options->argument[merge->order[i]], name);
    return access(path, F_OK) == 0;
}

/* Files of this name are whole tables with the same columns; counts their rows. */
static int check_file(const struct merge *merge, struct vit_csv_file *file)
{
    char path[LONGEST_PATH], first_path[LONGEST_PATH] = "";
    struct vit_csv *first = NULL, *csv;
    int status = VIT_OK;
    for (int i = 0; i < merge->options->n_argument && status == VIT_OK; i++) {
        if (!file_of(merge, i, file->name, path))
            continue;
        status = vit_csv_open(&csv, path);
        if (status != VIT_OK)
            break;
        file->rows += vit_csv_rows(csv);
        if (first) {
            status = check_columns(first, first_path, csv, path);
            vit_csv_close(csv);
        } else {
            first = csv;
            memcpy(first_path, path, sizeof path);
        }
    }
    if (first)
        vit_csv_close(first);
    return status;
}

static int write_file(const struct merge *merge, const struct vit_csv_file *file)
{
    char path[LONGEST_PATH];
    struct vit_atomic_file out;
    bool heading = true;
    snprintf(path, sizeof path, "%.4000s/%s", merge->options->out, file->name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int status = vit_run_folder(path);
    *slash = '/';
    if (status == VIT_OK)
        status = vit_atomic_open(&out, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < merge->options->n_argument && status == VIT_OK; i++)
        if (file_of(merge, i, file->name, path)) {
            status = copy_lines(out.file, path, heading);
            heading = false;
        }
    if (status == VIT_OK)
        return vit_atomic_close(&out);
    vit_atomic_abort(&out);
    return status;
}

/* No folder twice, also by another path, and none of them the folder of the results. */
static int check_folders(const struct vit_options *options)
{
    char one[PATH_MAX], other[PATH_MAX];
    for (int i = 0; i < options->n_argument; i++) {
        if (!realpath(options->argument[i], one))
            return vit_fail(VIT_EIO, "%s: %s", options->argument[i], strerror(errno));
        if (realpath(options->out, other) && strcmp(one, other) == 0)
            return vit_fail(VIT_EINVAL, "--out %s: is one of the folders to merge", options->out);
        for (int k = 0; k < i; k++)
            if (realpath(options->argument[k], other) && strcmp(one, other) == 0)
                return vit_fail(VIT_EINVAL, "%s: is given twice", options->argument[i]);
    }
    return VIT_OK;
}

static int merge_files(struct merge *merge)
{
    const struct vit_options *options = merge->options;
    struct vit_csv_files *files = &merge->files;
    int status = VIT_OK;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++)
        status = vit_csv_files_find(files, options->argument[i]);
    if (status == VIT_OK && files->n == 0)
        status = vit_fail(VIT_EINVAL, "%s: there are no CSV files in these folders", options->argument[0]);
    for (int i = 0; i < files->n && status == VIT_OK; i++)
        status = check_file(merge, &files->file[i]);
    for (int i = 0; i < files->n && status == VIT_OK; i++) {
        status = write_file(merge, &files->file[i]);
        if (status == VIT_OK)
            printf("%s/%s: %" PRId64 " rows\n", options->out, files->file[i].name, files->file[i].rows);
    }
    return status;
}

static int run(const struct vit_options *options)
{
    struct merge merge = {.options = options};
    if (!options->out)
        return vit_fail(VIT_EINVAL, "needs --out DIR, the folder for the merged tables");
    int status = check_folders(options);
    if (status == VIT_OK)
        status = check_shards(options, merge.order);
    if (status == VIT_OK)
        status = merge_files(&merge);
    vit_csv_files_close(&merge.files);
    return status;
}

const struct vit_command vit_command_merge = {
    .name = "merge",
    .arguments = "DIR...",
    .summary = "put the tables of several run folders together: those of shards",
    .detail =
        "CSV files of the same name become one with the rows of all, as they are, in the order of the shards (or of\n"
        "the folders). Tables with other columns are refused, and so are shards of which one is missing, given\n"
        "twice, or of another list. Figures and run.json stay where they are.\n\n"
        "  for i in 0 1 2 3; do vitscope profile --shard $i/4 deit_tiny swin_tiny ... --out runs/all; done\n"
        "  vitscope merge runs/all/shard-* --out runs/all/merged\n",
    .takes = "out",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
