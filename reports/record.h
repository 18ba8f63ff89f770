/* SPDX-License-Identifier: MIT */
/* record.h - typed rows: the only thing that probes and studies hand to writers.
 * A cell that is absent stays empty in every output; it is never 0. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum vit_type { VIT_INT, VIT_REAL, VIT_TEXT };

struct vit_column {
    const char *name; /* with its unit: "time_ns", "read_bytes" */
    enum vit_type type;
    const char *unit; /* "ns", "B", "" */
    const char *help; /* one line for the column reference */
};

struct vit_cell {
    bool present;
    union {
        int64_t i;
        double r;
        const char *s; /* borrowed until the row is written */
    };
};

struct vit_schema {
    const char *name;
    int version; /* grows when a column changes meaning or goes */
    int n_columns;
    const struct vit_column *column;
};

static inline struct vit_cell vit_int(int64_t value)
{
    return (struct vit_cell){.present = true, .i = value};
}

static inline struct vit_cell vit_real_cell(double value)
{
    return (struct vit_cell){.present = true, .r = value};
}

static inline struct vit_cell vit_text(const char *value)
{
    return (struct vit_cell){.present = value != (const char *)0, .s = value};
}

static inline struct vit_cell vit_absent(void)
{
    return (struct vit_cell){.present = false, .i = 0};
}

/* Absent where the value is NaN. */
static inline struct vit_cell vit_defined(double value)
{
    return isnan(value) ? vit_absent() : vit_real_cell(value);
}

/* Index of the column called `name`, or -1. */
int vit_schema_find(const struct vit_schema *schema, const char *name);

/* A schema gathered from several places: a study's key columns, then the columns of each attached probe.
 * The gathered columns are copied; the texts they point at are borrowed. */
struct vit_schema_builder {
    struct vit_schema schema;
    struct vit_column *column;
    int capacity;
};

/* name is borrowed. An opened builder has no columns and nothing allocated. */
void vit_schema_open(struct vit_schema_builder *builder, const char *name, int version);
void vit_schema_close(struct vit_schema_builder *builder);

/* Appends n columns; a name that is there already is VIT_EINVAL and adds none of them. */
int vit_schema_add(struct vit_schema_builder *builder, const struct vit_column *column, int n);
