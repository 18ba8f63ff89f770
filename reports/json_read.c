/* SPDX-License-Identifier: MIT */
#include "reports/json_read.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"

enum { LARGEST_FILE = 16 << 20 };

/* The file with a 0 behind it; NULL with a message. */
static char *read_text(FILE *file, const char *path, int *status)
{
    size_t used = 0, capacity = 1 << 12;
    char *text = NULL;
    do {
        capacity *= 2;
        char *larger = capacity <= 2 * (size_t)LARGEST_FILE ? realloc(text, capacity) : NULL;
        if (!larger) {
            *status = vit_fail(VIT_EFORMAT, "%s: larger than %d MiB", path, LARGEST_FILE >> 20);
            free(text);
            return NULL;
        }
        text = larger;
        used += fread(text + used, 1, capacity - used - 1, file);
    } while (used == capacity - 1);
    text[used] = '\0';
    if (!ferror(file))
        return text;
    *status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    free(text);
    return NULL;
}

int vit_json_read(struct cJSON **root, const char *path)
{
    *root = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    int status = VIT_OK;
    char *text = read_text(file, path, &status);
    fclose(file);
    if (!text)
        return status;
    const char *end = text;
    *root = cJSON_ParseWithOpts(text, &end, true);
    if (!*root)
        status = vit_fail(VIT_EFORMAT, "%s: no valid JSON at byte %ld", path, (long)(end - text));
    free(text);
    return status;
}

void vit_json_free(struct cJSON *root)
{
    cJSON_Delete(root);
}

const struct cJSON *vit_json_member(const struct cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const struct cJSON *vit_json_first(const struct cJSON *array)
{
    return cJSON_IsArray(array) ? array->child : NULL;
}

const struct cJSON *vit_json_next(const struct cJSON *item)
{
    return item->next;
}

const char *vit_json_text(const struct cJSON *object, const char *name)
{
    const cJSON *item = vit_json_member(object, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

double vit_json_real(const struct cJSON *object, const char *name)
{
    const cJSON *item = vit_json_member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

int64_t vit_json_count(const struct cJSON *object, const char *name)
{
    double value = vit_json_real(object, name);
    return value >= 0 && value <= 9007199254740992.0 && value == floor(value) ? (int64_t)value : -1;
}
