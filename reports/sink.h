/* SPDX-License-Identifier: MIT */
/* sink.h - where rows go: one interface over CSV, JSON and tables for readers.
 * A form is one file with one exported `const struct vit_sink_def vit_sink_<name>` and one row in sinks.def. */
#pragma once

#include <stdio.h>

#include "reports/atomic_file.h"
#include "reports/record.h"

struct vit_sink;

struct vit_sink_def {
    const char *name;
    const char *suffix; /* of files: ".csv" */
    const char *help;
    int (*open)(struct vit_sink *sink); /* may be NULL */
    int (*write)(struct vit_sink *sink, const struct vit_cell *row);
    int (*finish)(struct vit_sink *sink);   /* writes what is left; may be NULL */
    void (*release)(struct vit_sink *sink); /* frees state; may be NULL */
};

/* Where to write and, for the table alone, how it looks. Exactly one of path and stream is set. */
struct vit_sink_target {
    const char *path; /* appears whole or not at all */
    FILE *stream;     /* borrowed: stdout */
    int width;        /* columns of the terminal; 0: no limit */
    bool utf8;        /* whether the reader's terminal can show more than ASCII */
    const char *bar;  /* column drawn as a bar as well, or NULL */
    bool continued;   /* CSV: the stream has its heading already */
};

struct vit_sink {
    const struct vit_sink_def *def;
    const struct vit_schema *schema; /* borrowed until close */
    struct vit_sink_target target;
    struct vit_atomic_file output;
    FILE *file; /* of output, or target.stream */
    void *state;
    int64_t rows;
};

/* NULL past the last form. */
const struct vit_sink_def *vit_sink_at(int index);

/* VIT_EINVAL lists the names there are. */
int vit_sink_find(const struct vit_sink_def **def, const char *name);

/* On failure nothing is left to close. */
int vit_sink_open(struct vit_sink *sink, const struct vit_sink_def *def, const struct vit_schema *schema,
                  const struct vit_sink_target *target);

/* A CSV file. */
int vit_sink_open_csv(struct vit_sink *sink, const struct vit_schema *schema, const char *path);

/* row has one cell per column of the schema. After a failure call vit_sink_finish with it, or vit_sink_abort. */
int vit_sink_write(struct vit_sink *sink, const struct vit_cell *row);

/* The file appears, or this fails and it does not. Nothing is left to close either way. */
int vit_sink_close(struct vit_sink *sink);

/* The file does not appear. Does nothing on a closed sink. */
void vit_sink_abort(struct vit_sink *sink);

/* After the last row: closes if all went well, else aborts; the status of the first failure. */
int vit_sink_finish(struct vit_sink *sink, int status);
