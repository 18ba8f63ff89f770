/* SPDX-License-Identifier: MIT */
#include "analysis/results.h"

#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/sink.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 256 };

static const struct vit_column columns[] = {
    {"quantity", VIT_TEXT, "", "name of the result; its last word is the unit"},
    {"value", VIT_REAL, "", "empty: see reason"},
    {"low", VIT_REAL, "", "first quartile, or lower end of the interval that source tells"},
    {"high", VIT_REAL, "", "third quartile, or upper end"},
    {"floor", VIT_REAL, "", "noise floor: how far the method lets equals differ; empty: not known"},
    {"source", VIT_TEXT, "", "how the value was got"},
    {"proxy", VIT_TEXT, "", "data set in place of ImageNet that the value is from; empty: none"},
    {"reason", VIT_TEXT, "", "why there is no value"},
    {"settings", VIT_TEXT, "", "what the value holds for"},
    {"program", VIT_TEXT, "", "version and commit that made it"},
    {"host", VIT_TEXT, "", "machine that made it"},
    {"seconds", VIT_REAL, "s", "time that the work behind this file took"},
};
enum { QUANTITY, VALUE, LOW, HIGH, FLOOR, SOURCE, PROXY, REASON, SETTINGS, PROGRAM, HOST, SECONDS, N_COLUMNS };
static const struct vit_schema schema = {"results", 1, N_COLUMNS, columns};

static const char *copy(struct vit_results *r, const char *text)
{
    if (!text)
        return NULL;
    const char *kept = vit_arena_print(&r->arena, "%s", text);
    if (!kept && r->status == VIT_OK)
        r->status = VIT_ENOMEM;
    return kept;
}

static bool reserve(struct vit_results *r)
{
    if (r->n < r->capacity)
        return true;
    int capacity = r->capacity ? 2 * r->capacity : 64;
    struct vit_result *grown = realloc(r->result, (size_t)capacity * sizeof *grown);
    if (!grown) {
        r->status = vit_fail(VIT_ENOMEM, "out of memory: %d results", capacity);
        return false;
    }
    r->result = grown;
    r->capacity = capacity;
    return true;
}

void vit_results_add(struct vit_results *r, struct vit_result result)
{
    if (r->status != VIT_OK)
        return;
    if (vit_results_find(r, result.name)) {
        r->status = vit_fail(VIT_EINVAL, "result %s is there twice", result.name);
        return;
    }
    if (!reserve(r))
        return;
    result.value.present = result.value.present && !isnan(result.value.r);
    result.name = copy(r, result.name);
    result.source = copy(r, result.source);
    result.proxy = copy(r, result.proxy);
    result.reason = copy(r, result.reason);
    if (r->status == VIT_OK)
        r->result[r->n++] = result;
}

void vit_results_value(struct vit_results *r, double value, const char *source, const char *format, ...)
{
    char name[LONGEST_NAME];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    vit_results_add(r, (struct vit_result){.name = name, .value = vit_real_cell(value), .source = source});
}

const char *vit_results_text(struct vit_results *r, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *kept = copy(r, text);
    return kept ? kept : "";
}

const struct vit_result *vit_results_find(const struct vit_results *r, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->result[i].name, name) == 0)
            return &r->result[i];
    return NULL;
}

double vit_results_real(const struct vit_results *r, const char *format, ...)
{
    char name[LONGEST_NAME];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const struct vit_result *found = vit_results_find(r, name);
    return found && found->value.present ? found->value.r : NAN;
}

int vit_results_write(const struct vit_results *r, const char *path, const struct vit_results_origin *origin)
{
    struct vit_sink sink;
    int status = r->status;
    if (status == VIT_OK)
        status = vit_sink_open_csv(&sink, &schema, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < r->n && status == VIT_OK; i++) {
        const struct vit_result *v = &r->result[i];
        const struct vit_cell row[N_COLUMNS] = {vit_text(v->name),
                                                v->value,
                                                v->low,
                                                v->high,
                                                v->floor,
                                                vit_text(v->source),
                                                vit_text(v->proxy),
                                                vit_text(v->reason),
                                                vit_text(origin->settings),
                                                vit_text(origin->program),
                                                vit_text(origin->host),
                                                vit_real_cell(origin->seconds)};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

static bool has_column(const struct vit_csv *csv, const char *name)
{
    for (int c = 0; c < vit_csv_columns(csv); c++)
        if (strcmp(vit_csv_name(csv, c), name) == 0)
            return true;
    return false;
}

/* at[FLOOR] is -1 in files of before there was one: long work is kept as those. */
static int find_columns(const struct vit_csv *csv, int at[N_COLUMNS])
{
    int status = VIT_OK;
    at[FLOOR] = -1;
    for (int c = 0; c < N_COLUMNS && status == VIT_OK; c++)
        if (c != FLOOR || has_column(csv, columns[c].name))
            status = vit_csv_find(csv, columns[c].name, &at[c]);
    return status;
}

/* The origin of the file, from its first row. */
static int read_origin(struct vit_results *r, const struct vit_csv *csv, const int *at,
                       struct vit_results_origin *origin, const char *path)
{
    struct vit_cell seconds;
    if (vit_csv_rows(csv) == 0)
        return vit_fail(VIT_EFORMAT, "%s: has no results", path);
    const char *settings = vit_csv_text(csv, 0, at[SETTINGS]);
    if (origin->settings && (!settings || strcmp(settings, origin->settings) != 0))
        return vit_fail(VIT_EMISMATCH, "%s was made with \"%s\", this command says \"%s\": choose another --out", path,
                        settings ? settings : "", origin->settings);
    origin->program = copy(r, vit_csv_text(csv, 0, at[PROGRAM]));
    origin->host = copy(r, vit_csv_text(csv, 0, at[HOST]));
    int status = vit_csv_real(csv, 0, at[SECONDS], &seconds);
    origin->seconds = status == VIT_OK && seconds.present ? seconds.r : NAN;
    return status;
}

static int read_row(struct vit_results *r, const struct vit_csv *csv, const int *at, int64_t row, const char *prefix)
{
    char name[LONGEST_NAME];
    struct vit_result result = {.source = vit_csv_text(csv, row, at[SOURCE]),
                                .proxy = vit_csv_text(csv, row, at[PROXY]),
                                .reason = vit_csv_text(csv, row, at[REASON])};
    const char *quantity = vit_csv_text(csv, row, at[QUANTITY]);
    snprintf(name, sizeof name, "%s%s", prefix, quantity ? quantity : "");
    result.name = name;
    int status = vit_csv_real(csv, row, at[VALUE], &result.value);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, at[LOW], &result.low);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, at[HIGH], &result.high);
    if (status == VIT_OK && at[FLOOR] >= 0)
        status = vit_csv_real(csv, row, at[FLOOR], &result.floor);
    if (status == VIT_OK)
        vit_results_add(r, result);
    return status == VIT_OK ? r->status : status;
}

int vit_results_read(struct vit_results *r, const char *path, const char *prefix, struct vit_results_origin *origin)
{
    struct vit_csv *csv;
    int at[N_COLUMNS];
    int status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = find_columns(csv, at);
    if (status == VIT_OK)
        status = read_origin(r, csv, at, origin, path);
    for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++)
        status = read_row(r, csv, at, row, prefix);
    vit_csv_close(csv);
    return status;
}

void vit_results_close(struct vit_results *r)
{
    free(r->result);
    vit_arena_close(&r->arena);
    *r = (struct vit_results){0};
}
