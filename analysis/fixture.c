/* SPDX-License-Identifier: MIT */
#include "analysis/fixture.h"

#include "model/base/status.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 256 << 20 };

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    size_t capacity = 1 << 16, used = 0;
    char *text = malloc(capacity);
    while (text) {
        used += fread(text + used, 1, capacity - used - 1, file);
        if (used < capacity - 1)
            break;
        capacity *= 2;
        char *larger = capacity <= LARGEST_FILE ? realloc(text, capacity) : NULL;
        if (!larger)
            free(text);
        text = larger;
    }
    if (!text)
        vit_fail(VIT_EFORMAT, "%s: larger than %d MiB", path, LARGEST_FILE >> 20);
    else if (ferror(file)) {
        vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else
        text[used] = '\0';
    fclose(file);
    return text;
}

int vit_fixture_open(struct cJSON **root, const char *path)
{
    *root = NULL;
    char *text = read_file(path);
    if (!text)
        return VIT_EIO;
    const char *end = text;
    cJSON *tree = cJSON_ParseWithOpts(text, &end, true);
    int status = VIT_OK;
    if (!tree)
        status = vit_fail(VIT_EFORMAT, "%s: no valid JSON at byte %ld", path, (long)(end - text));
    const char *schema = status == VIT_OK ? vit_fixture_text(tree, "schema") : "";
    if (status == VIT_OK && (!schema || strcmp(schema, "vit-fixture/1") != 0))
        status = vit_fail(VIT_EFORMAT, "%s: \"schema\" is %s, expected \"vit-fixture/1\"", path,
                          schema ? schema : "missing");
    free(text);
    if (status != VIT_OK)
        cJSON_Delete(tree);
    else
        *root = tree;
    return status;
}

void vit_fixture_close(struct cJSON *root)
{
    cJSON_Delete(root);
}

const struct cJSON *vit_fixture_member(const struct cJSON *object, const char *name)
{
    return object ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const struct cJSON *vit_fixture_first(const struct cJSON *array)
{
    return array ? array->child : NULL;
}

const struct cJSON *vit_fixture_next(const struct cJSON *item)
{
    return item->next;
}

const char *vit_fixture_text(const struct cJSON *object, const char *name)
{
    const cJSON *item = vit_fixture_member(object, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

int64_t vit_fixture_integer(const struct cJSON *object, const char *name)
{
    double value = vit_fixture_value(vit_fixture_member(object, name));
    return value >= 0 && value <= 9007199254740992.0 ? (int64_t)value : -1;
}

int vit_fixture_length(const struct cJSON *array)
{
    return cJSON_GetArraySize(array);
}

double vit_fixture_value(const struct cJSON *number)
{
    return cJSON_IsNumber(number) ? number->valuedouble : (double)NAN;
}

const char *vit_fixture_name(const struct cJSON *member)
{
    return member->string ? member->string : "";
}

const char *vit_fixture_string(const struct cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void note(struct vit_tally *tally, double deviation, const char *where, va_list arguments)
{
    bool outside = !(deviation <= tally->tolerance); /* NaN is outside */
    tally->compared++;
    tally->outside += outside;
    if (tally->compared > 1 && !(deviation > tally->worst) && !(isnan(deviation) && !isnan(tally->worst)))
        return;
    if (isnan(tally->worst))
        return;
    tally->worst = deviation;
    vsnprintf(tally->where, sizeof tally->where, where, arguments);
}

void vit_tally_compare(struct vit_tally *tally, struct vit_expected e, const char *where, ...)
{
    /* d.ddd is right to half a unit of its last digit: at worst 5 in the digit after, relative to a leading 1. */
    double rounding = 5 * pow(10, -e.digits) * fabs(e.want);
    double deviation = fmax(fabs(e.got - e.want) - rounding, 0) / (e.scale > 0 ? e.scale : 1);
    if (!isfinite(e.got) || !isfinite(e.want) || isinf(e.scale)) /* infinities would cancel */
        deviation = (double)NAN;
    va_list arguments;
    va_start(arguments, where);
    note(tally, deviation, where, arguments);
    va_end(arguments);
}

void vit_tally_equal(struct vit_tally *tally, int64_t got, int64_t want, const char *where, ...)
{
    va_list arguments;
    va_start(arguments, where);
    note(tally, fabs((double)got - (double)want), where, arguments);
    va_end(arguments);
}

/* The elements of a listed array stand at floor((2j + 1) n / (2 count)) of the values, or at j for "first8". */
static void compare_list(struct vit_tally *tally, const struct cJSON *record, const char *key, double scale,
                         struct vit_values v)
{
    const struct cJSON *list = vit_fixture_member(record, key);
    int count = vit_fixture_length(list), j = 0;
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item), j++) {
        int64_t at = strcmp(key, "first8") == 0 ? j : (2 * (int64_t)j + 1) * v.n / (2 * (int64_t)count);
        double got = at < v.n ? (double)v.value[at] : (double)NAN;
        double want = vit_fixture_value(item), unit = v.relative ? fmax(scale, fabs(want)) : scale;
        vit_tally_compare(tally, (struct vit_expected){got, want, unit, 12}, "%s %s[%d]", v.name, key, j);
    }
}

static void compare_one(struct vit_tally *tally, const struct cJSON *record, const char *key, double scale, double got,
                        const char *name)
{
    const struct cJSON *want = vit_fixture_member(record, key);
    if (want)
        vit_tally_compare(tally, (struct vit_expected){got, vit_fixture_value(want), scale, 12}, "%s %s", name, key);
}

void vit_tally_record(struct vit_tally *tally, const struct cJSON *record, struct vit_values v)
{
    double sum = 0, squares = 0, centred = 0, largest = 0;
    for (int64_t i = 0; i < v.n; i++) {
        sum += (double)v.value[i];
        squares += (double)v.value[i] * (double)v.value[i];
        largest = fmax(largest, fabs((double)v.value[i]));
    }
    double n = (double)v.n, mean = sum / n;
    for (int64_t i = 0; i < v.n; i++)
        centred += ((double)v.value[i] - mean) * ((double)v.value[i] - mean);
    double std = vit_fixture_value(vit_fixture_member(record, "std"));
    double l2 = vit_fixture_value(vit_fixture_member(record, "l2"));
    double scale = std > 0  ? std
                   : l2 > 0 ? l2 / sqrt(n)
                            : sqrt(squares / n); /* of the tensor; a listing without either (weights) */
    compare_one(tally, record, "mean", scale, mean, v.name);
    compare_one(tally, record, "std", scale, sqrt(centred / n), v.name);
    compare_one(tally, record, "l2", scale * sqrt(n), sqrt(squares), v.name);
    compare_one(tally, record, "sum", scale * n, sum, v.name);
    compare_one(tally, record, "max_abs", scale, largest, v.name);
    compare_one(tally, record, "v0", scale, (double)v.value[0], v.name);
    compare_one(tally, record, "vlast", scale, (double)v.value[v.n - 1], v.name);
    compare_list(tally, record, "first8", scale, v);
    compare_list(tally, record, "strided8", scale, v);
    compare_list(tally, record, "strided4", scale, v);
}
