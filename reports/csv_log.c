/* SPDX-License-Identifier: MIT */
#include "reports/csv_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/base/status.h"

extern const struct vit_sink_def vit_sink_csv;

static bool is_heading(const char *line, const struct vit_schema *schema)
{
    for (int i = 0; i < schema->n_columns; i++) {
        size_t length = strlen(schema->column[i].name);
        if (strncmp(line, schema->column[i].name, length) != 0 ||
            line[length] != (i + 1 < schema->n_columns ? ',' : '\n'))
            return false;
        line += length + 1;
    }
    return *line == '\0';
}

/* Stands behind the heading and `rows` whole rows, or fails. */
static int pass_over(FILE *file, const char *path, const struct vit_schema *schema, int64_t rows)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&line, &capacity, file);
    int status = VIT_OK;
    if (length < 0 || !is_heading(line, schema))
        status = vit_fail(VIT_EFORMAT, "%s: is not the %s.csv that this run wrote: other columns", path, schema->name);
    for (int64_t i = 0; i < rows && status == VIT_OK; i++) {
        length = getline(&line, &capacity, file);
        if (length <= 0 || line[length - 1] != '\n')
            status = vit_fail(VIT_EFORMAT, "%s: has only %" PRId64 " rows of the %" PRId64 " that the run wrote", path,
                              i, rows);
    }
    free(line);
    return status;
}

static int cut(FILE *file, const char *path)
{
    off_t end = ftello(file);
    if (end < 0 || fseeko(file, end, SEEK_SET) != 0 || ftruncate(fileno(file), end) != 0)
        return vit_fail(VIT_EIO, "%s: cannot be cut back: %s", path, strerror(errno));
    return VIT_OK;
}

int vit_csv_log_open(struct vit_csv_log *log, const char *path, const struct vit_schema *schema, int64_t rows)
{
    *log = (struct vit_csv_log){.file = fopen(path, rows ? "r+" : "w"), .path = path};
    if (!log->file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    int status = rows ? pass_over(log->file, path, schema, rows) : VIT_OK;
    if (status == VIT_OK && rows)
        status = cut(log->file, path);
    if (status == VIT_OK)
        status = vit_sink_open(&log->sink, &vit_sink_csv, schema,
                               &(struct vit_sink_target){.stream = log->file, .continued = rows > 0});
    if (status != VIT_OK)
        vit_csv_log_close(log);
    return status;
}

static int cannot_write(const struct vit_csv_log *log)
{
    return vit_fail(VIT_EIO, "%s: cannot be written: %s", log->path, strerror(errno));
}

int vit_csv_log_write(struct vit_csv_log *log, const struct vit_cell *row)
{
    if (vit_sink_write(&log->sink, row) != VIT_OK || fflush(log->file) != 0)
        return cannot_write(log);
    return VIT_OK;
}

int vit_csv_log_sync(struct vit_csv_log *log)
{
    return fsync(fileno(log->file)) == 0 ? VIT_OK : cannot_write(log);
}

void vit_csv_log_close(struct vit_csv_log *log)
{
    vit_sink_abort(&log->sink);
    if (log->file)
        fclose(log->file);
    *log = (struct vit_csv_log){.file = NULL};
}
