/* SPDX-License-Identifier: MIT */
/* json.c - the builder over cJSON. Numbers are put in as raw text, since cJSON keeps integers as doubles. */
#include "reports/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "reports/atomic_file.h"
#include "reports/number.h"
#include "reports/utf8.h"

void vit_json_open(struct vit_json *json)
{
    *json = (struct vit_json){.depth = 1, .status = VIT_OK};
    json->open[0] = cJSON_CreateObject();
    if (!json->open[0])
        json->status = vit_fail(VIT_ENOMEM, "JSON: out of memory");
}

void vit_json_close(struct vit_json *json)
{
    cJSON_Delete(json->open[0]);
    *json = (struct vit_json){.depth = 0};
}

/* Takes ownership of item, which is NULL when out of memory. Returns whether it was added. */
static bool add(struct vit_json *json, const char *name, cJSON *item)
{
    if (json->status != VIT_OK) {
        cJSON_Delete(item);
        return false;
    }
    cJSON *parent = json->open[json->depth - 1];
    bool in_array = cJSON_IsArray(parent);
    if (in_array != (name == NULL))
        json->status = vit_fail(VIT_EINVAL, "JSON: a member of an object needs a name, one of an array has none");
    else if (!in_array && cJSON_GetObjectItemCaseSensitive(parent, name))
        json->status = vit_fail(VIT_EINVAL, "JSON: member %s is there twice", name);
    else if (!item || !(in_array ? cJSON_AddItemToArray(parent, item) : cJSON_AddItemToObject(parent, name, item)))
        json->status = vit_fail(VIT_ENOMEM, "JSON: out of memory");
    if (json->status != VIT_OK)
        cJSON_Delete(item);
    return json->status == VIT_OK;
}

static void begin(struct vit_json *json, const char *name, cJSON *item)
{
    if (json->status == VIT_OK && json->depth == VIT_JSON_DEPTH)
        json->status = vit_fail(VIT_EINVAL, "JSON: nested deeper than %d", VIT_JSON_DEPTH);
    if (add(json, name, item))
        json->open[json->depth++] = item;
}

void vit_json_object(struct vit_json *json, const char *name)
{
    begin(json, name, cJSON_CreateObject());
}

void vit_json_array(struct vit_json *json, const char *name)
{
    begin(json, name, cJSON_CreateArray());
}

void vit_json_end(struct vit_json *json)
{
    if (json->status == VIT_OK && json->depth == 1)
        json->status = vit_fail(VIT_EINVAL, "JSON: more ends than beginnings");
    if (json->status == VIT_OK)
        json->depth--;
}

/* A copy with U+FFFD for each byte that is not UTF-8; NULL when out of memory. */
static char *valid_text(const char *value)
{
    char *copy = malloc(strlen(value) * 3 + 1);
    char *out = copy;
    while (copy && *value) {
        int bytes = vit_utf8_sequence(value);
        memcpy(out, bytes ? value : "\xEF\xBF\xBD", bytes ? (size_t)bytes : 3);
        out += bytes ? bytes : 3;
        value += bytes ? bytes : 1;
    }
    if (copy)
        *out = '\0';
    return copy;
}

void vit_json_string(struct vit_json *json, const char *name, const char *value)
{
    if (!value) {
        add(json, name, cJSON_CreateNull());
        return;
    }
    char *text = valid_text(value);
    add(json, name, text ? cJSON_CreateString(text) : NULL);
    free(text);
}

void vit_json_integer(struct vit_json *json, const char *name, int64_t value)
{
    char text[VIT_NUMBER_BYTES];
    snprintf(text, sizeof text, "%" PRId64, value);
    add(json, name, cJSON_CreateRaw(text));
}

void vit_json_number(struct vit_json *json, const char *name, double value)
{
    char text[VIT_NUMBER_BYTES] = "null";
    if (isfinite(value))
        vit_number_exact(text, value);
    add(json, name, cJSON_CreateRaw(text));
}

void vit_json_boolean(struct vit_json *json, const char *name, bool value)
{
    add(json, name, cJSON_CreateBool(value));
}

void vit_json_null(struct vit_json *json, const char *name, const char *reason)
{
    if (!add(json, name, cJSON_CreateNull()) || !name)
        return;
    char reason_name[256];
    snprintf(reason_name, sizeof reason_name, "%s_reason", name);
    vit_json_string(json, reason_name, reason);
}

int vit_json_print(struct vit_json *json, FILE *file, bool indented)
{
    if (json->status == VIT_OK && json->depth != 1)
        json->status = vit_fail(VIT_EINVAL, "JSON: %d objects or arrays were not ended", json->depth - 1);
    if (json->status != VIT_OK)
        return json->status;
    char *text = indented ? cJSON_Print(json->open[0]) : cJSON_PrintUnformatted(json->open[0]);
    if (!text)
        return vit_fail(VIT_ENOMEM, "JSON: out of memory");
    int written = fputs(text, file);
    int reason = errno;
    cJSON_free(text);
    return written < 0 ? vit_fail(VIT_EIO, "JSON: cannot be written: %s", strerror(reason)) : VIT_OK;
}

int vit_json_write(struct vit_json *json, const char *path)
{
    struct vit_atomic_file out;
    int status = vit_atomic_open(&out, path);
    if (status != VIT_OK)
        return status;
    status = vit_json_print(json, out.file, true);
    if (status != VIT_OK) {
        vit_atomic_abort(&out);
        return vit_fail_in(status, "%s", path);
    }
    fputc('\n', out.file);
    return vit_atomic_close(&out);
}
