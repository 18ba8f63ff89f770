/* SPDX-License-Identifier: MIT */
/* number.c - shortest exact text of a double, and three digits with a unit prefix. */
#include "reports/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vit_number_exact(char *text, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, VIT_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

struct scale {
    const char *unit;
    double base;
    const char *suffix[6]; /* each `base` times the one before */
};

static const struct scale scales[] = {
    {"ns", 1000, {" ns", " us", " ms", " s"}},
    {"B", 1024, {" B", " KiB", " MiB", " GiB", " TiB"}},
    {"MAC", 1000, {"", " k", " M", " G", " T", " P"}},
    {"FLOP", 1000, {"", " k", " M", " G", " T", " P"}},
    {"count", 1000, {"", " k", " M", " G", " T", " P"}},
    {"B/s", 1000, {" B/s", " kB/s", " MB/s", " GB/s", " TB/s"}},
    {"FLOP/s", 1000, {" FLOP/s", " kFLOP/s", " MFLOP/s", " GFLOP/s", " TFLOP/s"}},
};

static const struct scale *find_scale(const char *unit)
{
    for (size_t i = 0; unit && i < sizeof scales / sizeof *scales; i++)
        if (!strcmp(unit, scales[i].unit))
            return &scales[i];
    return NULL;
}

bool vit_number_has_unit(const struct vit_column *column)
{
    return find_scale(column->unit) != NULL;
}

/* Three significant digits without an exponent up to 99999; decimals follow the value after rounding (9.996 -> 10.0).
 */
static void print_three_digits(char *text, double value)
{
    double size = fabs(value);
    if (size == 0)
        snprintf(text, VIT_NUMBER_BYTES, "0");
    else if (size < 0.000995 || size >= 99999.5)
        snprintf(text, VIT_NUMBER_BYTES, "%.2e", value);
    else if (size < 0.995)
        snprintf(text, VIT_NUMBER_BYTES, "%.3g", value);
    else
        snprintf(text, VIT_NUMBER_BYTES, "%.*f", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, value);
}

static void print_prefixed(char *text, const struct scale *scale, double value)
{
    size_t step = 0;
    /* The next prefix starts where the rounded value would read 1000 (or 1024). */
    while (fabs(value) >= scale->base - 0.5 && step + 1 < sizeof scale->suffix / sizeof *scale->suffix &&
           scale->suffix[step + 1]) {
        value /= scale->base;
        step++;
    }
    print_three_digits(text, value);
    size_t length = strlen(text);
    snprintf(text + length, VIT_NUMBER_BYTES - length, "%s", scale->suffix[step]);
}

void vit_number_scaled(char *text, const struct vit_column *column, struct vit_cell cell)
{
    bool whole = column->type == VIT_INT;
    const struct scale *scale = find_scale(column->unit);
    double value = !cell.present ? (double)NAN : whole ? (double)cell.i : cell.r;
    if (isnan(value))
        snprintf(text, VIT_NUMBER_BYTES, "-");
    else if (isinf(value))
        snprintf(text, VIT_NUMBER_BYTES, "%s", value > 0 ? "inf" : "-inf");
    else if (whole && (!scale || fabs(value) < scale->base))
        snprintf(text, VIT_NUMBER_BYTES, "%" PRId64 "%s", cell.i, scale ? scale->suffix[0] : "");
    else if (column->unit && !strcmp(column->unit, "%"))
        snprintf(text, VIT_NUMBER_BYTES, "%.1f", value);
    else if (scale)
        print_prefixed(text, scale, value);
    else
        print_three_digits(text, value);
}
