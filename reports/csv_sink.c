/* SPDX-License-Identifier: MIT */
/* csv_sink.c - rows as CSV that pandas and gnuplot read as it is: a heading row of plain names, text always quoted,
 * numbers never; an absent cell is empty, an empty text is "". Reals read back as the same double. */
#include <csv.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/base/status.h"
#include "reports/number.h"
#include "reports/sink.h"

static int open_csv(struct vit_sink *sink)
{
    const struct vit_schema *schema = sink->schema;
    if (sink->target.continued)
        return VIT_OK;
    for (int i = 0; i < schema->n_columns; i++)
        fprintf(sink->file, "%s%s", i ? "," : "", schema->column[i].name);
    fputc('\n', sink->file);
    return VIT_OK;
}

static void write_cell(FILE *file, enum vit_type type, struct vit_cell cell)
{
    char number[VIT_NUMBER_BYTES];
    switch (type) {
    case VIT_INT:
        fprintf(file, "%" PRId64, cell.i);
        break;
    case VIT_REAL:
        if (isnan(cell.r))
            break;
        vit_number_exact(number, cell.r);
        fputs(number, file);
        break;
    case VIT_TEXT:
        csv_fwrite(file, cell.s, strlen(cell.s));
        break;
    }
}

static int write_row(struct vit_sink *sink, const struct vit_cell *row)
{
    const struct vit_schema *schema = sink->schema;
    for (int i = 0; i < schema->n_columns; i++) {
        if (i)
            fputc(',', sink->file);
        if (row[i].present)
            write_cell(sink->file, schema->column[i].type, row[i]);
    }
    fputc('\n', sink->file);
    return VIT_OK;
}

const struct vit_sink_def vit_sink_csv = {
    .name = "csv",
    .suffix = ".csv",
    .help = "one line per row, exact numbers, absent cells empty",
    .open = open_csv,
    .write = write_row,
};
