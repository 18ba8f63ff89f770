/* SPDX-License-Identifier: MIT */
/* csv_read.c - the file is split by libcsv into one buffer of NUL-terminated texts and a table of offsets.
 * Lines are handed to libcsv one at a time, so that errors can tell the line. */
#include "reports/csv_read.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"

#define ABSENT SIZE_MAX

struct vit_csv {
    char *path;
    char *text; /* all cells, each with its NUL */
    size_t text_used, text_size;
    size_t *offset; /* (rows with the heading, columns): into text, or ABSENT */
    size_t cells, cells_size;
    int64_t *line; /* per row with the heading: where it starts */
    size_t rows, rows_size;
    size_t columns;    /* of the heading; 0 before it */
    size_t in_row;     /* cells of the current row so far */
    int64_t row_start; /* line */
    int64_t start;     /* line where the row being read begins */
    bool inside;       /* the last line ended inside a quoted cell */
    int64_t current;   /* line */
    int status;        /* sticky */
};

/* The array, moved if it had to grow to hold `needed` items of `size` bytes; NULL when out of memory, array unchanged.
 */
static void *grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return array;
    size_t wanted = *capacity ? *capacity : 256;
    while (wanted < needed)
        wanted *= 2;
    void *grown = realloc(array, wanted * size);
    if (grown)
        *capacity = wanted;
    return grown;
}

static bool reserve_cell(struct vit_csv *csv, size_t length)
{
    size_t *offset = grow(csv->offset, &csv->cells_size, csv->cells + 1, sizeof *offset);
    if (!offset)
        return false;
    csv->offset = offset;
    char *text = grow(csv->text, &csv->text_size, csv->text_used + length + 1, 1);
    if (!text)
        return false;
    csv->text = text;
    return true;
}

static void take_cell(void *data, size_t length, void *context)
{
    struct vit_csv *csv = context;
    if (csv->status != VIT_OK)
        return;
    if (csv->in_row++ == 0)
        csv->row_start = csv->start;
    if (!reserve_cell(csv, length)) {
        csv->status = vit_fail(VIT_ENOMEM, "%s: out of memory", csv->path);
        return;
    }
    csv->offset[csv->cells++] = data ? csv->text_used : ABSENT;
    if (!data)
        return;
    memcpy(csv->text + csv->text_used, data, length);
    csv->text[csv->text_used + length] = '\0';
    csv->text_used += length + 1;
}

static int check_heading(const struct vit_csv *csv)
{
    for (size_t i = 0; i < csv->columns; i++) {
        if (csv->offset[i] == ABSENT)
            return vit_fail(VIT_EFORMAT, "%s:%lld: column %zu has no name in the heading", csv->path,
                            (long long)csv->row_start, i + 1);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(csv->text + csv->offset[i], csv->text + csv->offset[j]))
                return vit_fail(VIT_EFORMAT, "%s:%lld: the heading names column %s twice", csv->path,
                                (long long)csv->row_start, csv->text + csv->offset[i]);
    }
    return VIT_OK;
}

static void take_row(int end, void *context)
{
    struct vit_csv *csv = context;
    (void)end;
    if (csv->status != VIT_OK)
        return;
    if (csv->rows == 0) {
        csv->columns = csv->in_row;
        csv->status = check_heading(csv);
    } else if (csv->in_row != csv->columns) {
        csv->status = vit_fail(VIT_EFORMAT, "%s:%lld: %zu cells in a row where the heading has %zu", csv->path,
                               (long long)csv->row_start, csv->in_row, csv->columns);
    }
    if (csv->status != VIT_OK)
        return;
    int64_t *line = grow(csv->line, &csv->rows_size, csv->rows + 1, sizeof *line);
    if (!line) {
        csv->status = vit_fail(VIT_ENOMEM, "%s: out of memory", csv->path);
        return;
    }
    csv->line = line;
    csv->line[csv->rows++] = csv->row_start;
    csv->in_row = 0;
}

static int parse_line(struct vit_csv *csv, struct csv_parser *parser, const char *line, size_t length)
{
    if (memchr(line, '\0', length))
        return vit_fail(VIT_EFORMAT, "%s:%lld: a NUL byte: not a text file", csv->path, (long long)csv->current);
    size_t before = csv->rows;
    if (!csv->inside)
        csv->start = csv->current;
    if (csv_parse(parser, line, length, take_cell, take_row, csv) != length)
        return vit_fail(csv_error(parser) == CSV_ENOMEM ? VIT_ENOMEM : VIT_EFORMAT,
                        "%s:%lld: a quote inside a cell that is not quoted, or text after a closing quote", csv->path,
                        (long long)csv->current);
    csv->inside = csv->rows == before && (csv->inside || strspn(line, " \t\r\n") < length);
    return csv->status;
}

static int parse_lines(struct vit_csv *csv, struct csv_parser *parser, FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    int status = VIT_OK;
    ssize_t length;
    while (status == VIT_OK && (length = getline(&line, &size, file)) > 0) {
        csv->current++;
        /* Spreadsheets put a byte-order mark before the heading. */
        size_t skip = csv->current == 1 && length >= 3 && !memcmp(line, "\xEF\xBB\xBF", 3) ? 3 : 0;
        status = parse_line(csv, parser, line + skip, (size_t)length - skip);
    }
    if (status == VIT_OK && ferror(file))
        status = vit_fail(VIT_EIO, "%s: cannot be read: %s", csv->path, strerror(errno));
    free(line);
    if (status == VIT_OK && csv_fini(parser, take_cell, take_row, csv) != 0)
        status =
            vit_fail(VIT_EFORMAT, "%s:%lld: the file ends inside a quoted cell", csv->path, (long long)csv->current);
    return status == VIT_OK ? csv->status : status;
}

static int read_file(struct vit_csv *csv)
{
    FILE *file = fopen(csv->path, "re");
    if (!file)
        return vit_fail(VIT_EIO, "%s: cannot be read: %s", csv->path, strerror(errno));
    struct csv_parser parser;
    int status = VIT_OK;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL) != 0)
        status = vit_fail(VIT_ENOMEM, "%s: out of memory", csv->path);
    else {
        status = parse_lines(csv, &parser, file);
        csv_free(&parser);
    }
    fclose(file);
    if (status == VIT_OK && csv->rows == 0)
        status = vit_fail(VIT_EFORMAT, "%s: empty: a heading row of column names was expected", csv->path);
    return status;
}

int vit_csv_open(struct vit_csv **csv, const char *path)
{
    *csv = calloc(1, sizeof **csv);
    if (*csv)
        (*csv)->path = strdup(path);
    if (!*csv || !(*csv)->path) {
        free(*csv);
        *csv = NULL;
        return vit_fail(VIT_ENOMEM, "%s: out of memory", path);
    }
    int status = read_file(*csv);
    if (status != VIT_OK) {
        vit_csv_close(*csv);
        *csv = NULL;
    }
    return status;
}

void vit_csv_close(struct vit_csv *csv)
{
    if (!csv)
        return;
    free(csv->path);
    free(csv->text);
    free(csv->offset);
    free(csv->line);
    free(csv);
}

int64_t vit_csv_rows(const struct vit_csv *csv)
{
    return (int64_t)csv->rows - 1;
}

int vit_csv_columns(const struct vit_csv *csv)
{
    return (int)csv->columns;
}

const char *vit_csv_name(const struct vit_csv *csv, int column)
{
    return csv->text + csv->offset[column];
}

int vit_csv_find(const struct vit_csv *csv, const char *name, int *column)
{
    char names[512] = "";
    for (int i = 0; i < vit_csv_columns(csv); i++) {
        if (!strcmp(vit_csv_name(csv, i), name)) {
            *column = i;
            return VIT_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", vit_csv_name(csv, i));
    }
    return vit_fail(VIT_EFORMAT, "%s: no column %s: it has %s", csv->path, name, names);
}

const char *vit_csv_text(const struct vit_csv *csv, int64_t row, int column)
{
    size_t offset = csv->offset[((size_t)row + 1) * csv->columns + (size_t)column];
    return offset == ABSENT ? NULL : csv->text + offset;
}

static int refuse(const struct vit_csv *csv, int64_t row, int column, const char *wanted)
{
    return vit_fail(VIT_EFORMAT, "%s:%lld: column %s: \"%s\" is not %s", csv->path, (long long)csv->line[row + 1],
                    vit_csv_name(csv, column), vit_csv_text(csv, row, column), wanted);
}

int vit_csv_int(const struct vit_csv *csv, int64_t row, int column, struct vit_cell *cell)
{
    const char *text = vit_csv_text(csv, row, column);
    *cell = vit_absent();
    if (!text)
        return VIT_OK;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end)
        return refuse(csv, row, column, "a whole number");
    if (errno)
        return refuse(csv, row, column, "a number of 64 bits");
    *cell = vit_int(value);
    return VIT_OK;
}

int vit_csv_real(const struct vit_csv *csv, int64_t row, int column, struct vit_cell *cell)
{
    const char *text = vit_csv_text(csv, row, column);
    *cell = vit_absent();
    if (!text)
        return VIT_OK;
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end)
        return refuse(csv, row, column, "a number");
    if (errno == ERANGE && isinf(value)) /* too small is no error: strtod gives the nearest denormal */
        return refuse(csv, row, column, "within the range of a double");
    if (!isnan(value))
        *cell = vit_real_cell(value);
    return VIT_OK;
}
