/* SPDX-License-Identifier: MIT */
/* results.h - named results: what units of work record, figures are drawn from and claims are tested against. A value
 * comes with how it was got, and with the data set that stood for ImageNet where one did; what could not be had is
 * absent with its reason. Files of results are CSV and appear whole or not at all. */
#pragma once

#include "model/base/arena.h"
#include "reports/record.h"

struct vit_result {
    const char *name; /* "memory_bound_pct"; its last word is the unit, as in names of columns */
    struct vit_cell value;
    struct vit_cell low, high; /* first and third quartile, or ends of an interval (source tells); may be absent */
    struct vit_cell floor;     /* how far the method lets equals differ; absent: not known */
    const char *source;        /* "median of 30 runs", "counted from the graph" */
    const char *proxy;         /* data set in place of ImageNet that the value is from; NULL: none */
    const char *reason;        /* why the value is absent; else NULL */
};

/* A zeroed one is empty. Failures stick in status, with their message. */
struct vit_results {
    struct vit_arena arena;
    struct vit_result *result;
    int n, capacity;
    int status;
};

/* Adds a copy; a name that is there already is VIT_EINVAL. */
void vit_results_add(struct vit_results *results, struct vit_result result);

/* Adds a value that needs no interval under a name as of printf. */
void vit_results_value(struct vit_results *results, double value, const char *source, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A copy of printf-formatted text that lives as long as the results; "" after a failure. */
const char *vit_results_text(struct vit_results *results, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NULL when there is none of this name. Valid until a result is added; its texts to the end. */
const struct vit_result *vit_results_find(const struct vit_results *results, const char *name);

/* The value of the name, or NaN where it is absent or there is none. */
double vit_results_real(const struct vit_results *results, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the results of a file hold for, the same on each of its rows. */
struct vit_results_origin {
    const char *settings; /* of the measurement: results of other settings must not be taken for these */
    const char *program;  /* version, commit */
    const char *host;
    double seconds; /* that the work took; NaN: not told */
};

int vit_results_write(const struct vit_results *results, const char *path, const struct vit_results_origin *origin);

/* Adds the results of a file, their names after prefix ("" for none). origin->settings, unless NULL, must be those of
 * the file: else VIT_EMISMATCH, whose message tells both. The rest of *origin is filled. */
int vit_results_read(struct vit_results *results, const char *path, const char *prefix,
                     struct vit_results_origin *origin);

void vit_results_close(struct vit_results *results);
