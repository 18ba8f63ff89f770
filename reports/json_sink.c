/* SPDX-License-Identifier: MIT */
/* json_sink.c - rows as a JSON array of objects, one object a line (pandas.read_json reads it). Absent cells are null.
 */
#include "model/base/status.h"
#include "reports/json.h"
#include "reports/sink.h"

static int open_json(struct vit_sink *sink)
{
    fputc('[', sink->file);
    return VIT_OK;
}

static void add_cell(struct vit_json *json, const struct vit_column *column, struct vit_cell cell)
{
    if (!cell.present)
        vit_json_string(json, column->name, NULL);
    else if (column->type == VIT_INT)
        vit_json_integer(json, column->name, cell.i);
    else if (column->type == VIT_REAL)
        vit_json_number(json, column->name, cell.r);
    else
        vit_json_string(json, column->name, cell.s);
}

static int write_row(struct vit_sink *sink, const struct vit_cell *row)
{
    struct vit_json json;
    vit_json_open(&json);
    for (int i = 0; i < sink->schema->n_columns; i++)
        add_cell(&json, &sink->schema->column[i], row[i]);
    fputs(sink->rows ? ",\n" : "\n", sink->file);
    int status = vit_json_print(&json, sink->file, false);
    vit_json_close(&json);
    return status == VIT_EIO ? VIT_OK : status; /* the caller knows the file and finds the stream's error */
}

static int finish_json(struct vit_sink *sink)
{
    fputs(sink->rows ? "\n]\n" : "]\n", sink->file);
    return VIT_OK;
}

const struct vit_sink_def vit_sink_json = {
    .name = "json",
    .suffix = ".json",
    .help = "an array of objects, one a line, absent cells null",
    .open = open_json,
    .write = write_row,
    .finish = finish_json,
};
