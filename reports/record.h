/* SPDX-License-Identifier: MIT */
/* record.h - typed rows: the only thing that probes and studies hand to writers.
 * A cell that is absent stays empty in every output; it is never 0. */
#pragma once

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
