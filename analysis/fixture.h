/* SPDX-License-Identifier: MIT */
/* fixture.h - reads files of reference numbers (schema vit-fixture/1) and keeps the tally of comparisons with them.
 * The tree of a file is read with the functions below; a member that is missing or of another type is absent (NULL,
 * -1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/tensor.h"

struct cJSON;

/* Reads and parses a whole file of that schema. VIT_EIO, VIT_EFORMAT name the file. Close with vit_fixture_close. */
int vit_fixture_open(struct cJSON **root, const char *path);
void vit_fixture_close(struct cJSON *root);

const struct cJSON *vit_fixture_member(const struct cJSON *object, const char *name); /* NULL if absent */
const struct cJSON *vit_fixture_first(const struct cJSON *array);                     /* NULL if empty */
const struct cJSON *vit_fixture_next(const struct cJSON *item);
const char *vit_fixture_text(const struct cJSON *object, const char *name); /* NULL if absent */
int64_t vit_fixture_integer(const struct cJSON *object, const char *name);  /* -1 if absent */
int vit_fixture_length(const struct cJSON *array);                          /* 0 if absent */
double vit_fixture_value(const struct cJSON *number);                       /* NaN if it is no number */
const char *vit_fixture_name(const struct cJSON *member);                   /* its key */
const char *vit_fixture_string(const struct cJSON *item);                   /* "" if it is no text */

/* The comparisons of one kind of record ("logits", "taps", ...). */
struct vit_tally {
    const char *kind;
    int compared;
    int outside;
    double worst;     /* largest |got - want| / scale, rounding of the listing taken off */
    double tolerance; /* of worst */
    char where[160];  /* of the worst */
    const char *note; /* why a kind is not compared, or how */
};

struct vit_expected {
    double got, want;
    double scale; /* the deviation is in units of this: the tensor's std */
    int digits;   /* significant digits of the listing: half a unit of the last is allowed on top */
};

/* where: printf. Counts one comparison. */
void vit_tally_compare(struct vit_tally *tally, struct vit_expected e, const char *where, ...)
    __attribute__((format(printf, 3, 4)));

/* An exact comparison: counts and shapes. */
void vit_tally_equal(struct vit_tally *tally, int64_t got, int64_t want, const char *where, ...)
    __attribute__((format(printf, 4, 5)));

/* Compares n values with a listed record: mean, std, l2, sum, max_abs, first8, strided8, strided4, v0, vlast - those
 * that it has. name is told in the tally. */
struct vit_values {
    const char *name;
    const vit_real *value;
    int64_t n;
    /* Elements far above the standard deviation are compared in units of themselves: a probability's float32 error is
     * relative to it. */
    bool relative;
};
void vit_tally_record(struct vit_tally *tally, const struct cJSON *record, struct vit_values values);
