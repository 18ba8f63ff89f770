/* SPDX-License-Identifier: MIT */
/* csv_log.h - a CSV file that grows row by row while a long run works: whoever looks sees all rows so far. A run that
 * is taken up again cuts it back to the rows that it knows of, and goes on. */
#pragma once

#include "reports/sink.h"

struct vit_csv_log {
    struct vit_sink sink;
    FILE *file;
    const char *path;
};

/* Keeps the first `rows` rows of the file and drops what follows (rows of a run that was killed, half a row); with 0
 * the file is made anew. Texts of the rows have no line breaks. path and schema are borrowed until close. VIT_EFORMAT
 * where the file has other columns or fewer rows. On failure nothing is left to close, and the file is as it was. */
int vit_csv_log_open(struct vit_csv_log *log, const char *path, const struct vit_schema *schema, int64_t rows);

/* The row is in the file, as far as other programs see, when this returns. */
int vit_csv_log_write(struct vit_csv_log *log, const struct vit_cell *row);

/* All rows so far outlive a crash of the machine. */
int vit_csv_log_sync(struct vit_csv_log *log);

/* Does nothing on a closed log. */
void vit_csv_log_close(struct vit_csv_log *log);
