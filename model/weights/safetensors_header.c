/* SPDX-License-Identifier: MIT */
/* safetensors_header.c - from the text of a header to entries. The text comes from anywhere: a strict scan first
 * rejects what the JSON parser would accept or choke on (deep nesting, long arrays, bad UTF-8, NUL, fractions), then
 * the parsed tree is checked key by key. Names are compared after sorting, so that a header of a million keys costs no
 * n * n. */
#include "model/weights/safetensors_header.h"

#include "model/base/status.h"
#include "model/weights/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 3 }; /* file { tensor { shape [ */

static const double largest_integer = 9007199254740992.0; /* 2^53: beyond it doubles skip integers */

size_t vit_utf8_valid_bytes(const unsigned char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        unsigned char lead = text[at];
        size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : 3;
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more >= size - at)
            return at;
        for (size_t i = 1; i <= more; i++)
            if ((text[at + i] & 0xc0) != 0x80)
                return at;
        unsigned char next = more ? text[at + 1] : 0;
        bool overlong = (lead == 0xe0 && next < 0xa0) || (lead == 0xf0 && next < 0x90);
        bool surrogate = lead == 0xed && next >= 0xa0, too_large = lead == 0xf4 && next >= 0x90;
        if (overlong || surrogate || too_large)
            return at;
        at += more + 1;
    }
    return size;
}

/* text[at] follows the opening quote; returns the position of the closing one, or size after recording a failure. */
static size_t scan_string(const char *name, const unsigned char *text, size_t size, size_t at)
{
    for (; at < size && text[at] != '"'; at++) {
        if (text[at] < 0x20) {
            vit_fail(VIT_EFORMAT, "%s: header byte %zu: control character 0x%02x in a string", name, at, text[at]);
            return size;
        }
        if (text[at] != '\\')
            continue;
        if (size - at > 5 && memcmp(text + at + 1, "u0000", 5) == 0) {
            vit_fail(VIT_EFORMAT, "%s: header byte %zu: NUL (\\u0000) in a string", name, at);
            return size;
        }
        at++;
    }
    if (at >= size) {
        vit_fail(VIT_EFORMAT, "%s: header ends within a string", name);
        return size;
    }
    return at;
}

static int scan_header(const char *name, const unsigned char *text, size_t size)
{
    char open[DEEPEST + 1] = {0};
    int depth = 0, commas = 0;
    for (size_t at = 0; at < size; at++) {
        unsigned char c = text[at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            continue;
        if (depth == 0 && at > 0)
            return vit_fail(VIT_EFORMAT, "%s: header byte %zu: text after the end of the JSON object", name, at);
        if (c == '"') {
            at = scan_string(name, text, size, at + 1);
            if (at == size)
                return VIT_EFORMAT;
        } else if (c == '{' || c == '[') {
            if (depth == DEEPEST)
                return vit_fail(VIT_EFORMAT, "%s: header byte %zu: nested deeper than %d", name, at, DEEPEST);
            open[++depth] = (char)c;
            commas = 0;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            if (open[depth] == '[' && ++commas >= VIT_SAFETENSORS_MAX_DIMS)
                return vit_fail(VIT_EFORMAT, "%s: header byte %zu: an array of more than %d numbers", name, at,
                                VIT_SAFETENSORS_MAX_DIMS);
        } else if (c >= '0' && c <= '9') {
            bool first = text[at - 1] < '0' || text[at - 1] > '9';
            if (c == '0' && first && at + 1 < size && text[at + 1] >= '0' && text[at + 1] <= '9')
                return vit_fail(VIT_EFORMAT, "%s: header byte %zu: a number with a leading zero", name, at);
        } else if (c != ':') {
            return vit_fail(VIT_EFORMAT,
                            "%s: header byte %zu: unexpected byte 0x%02x (only strings, whole numbers >= 0, arrays and "
                            "objects belong here)",
                            name, at, c);
        }
    }
    return depth ? vit_fail(VIT_EFORMAT, "%s: header ends within its JSON object", name) : VIT_OK;
}

/* Text that is repeated in messages must keep them on one line. */
static int check_plain(const struct vit_safetensors *file, const char *text, const char *what)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return vit_fail(VIT_EFORMAT, "%s: control character 0x%02x in %s", file->name, (unsigned)*c, what);
    return VIT_OK;
}

static int read_integer(const struct vit_safetensors *file, const char *tensor, const cJSON *item, int64_t *value)
{
    if (!cJSON_IsNumber(item))
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: shape and data_offsets must hold whole numbers", file->name,
                        tensor);
    if (item->valuedouble >= largest_integer)
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: number %.17g is too large (at most 2^53 - 1)", file->name,
                        tensor, item->valuedouble);
    *value = (int64_t)item->valuedouble;
    return VIT_OK;
}

static int read_shape(const struct vit_safetensors *file, struct vit_safetensors_entry *entry, const cJSON *array)
{
    if (!cJSON_IsArray(array))
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: shape is not an array", file->name, entry->name);
    const cJSON *item;
    entry->numel = 1;
    cJSON_ArrayForEach(item, array)
    {
        int64_t dim = 0;
        int status = read_integer(file, entry->name, item, &dim);
        if (status)
            return status;
        if (__builtin_mul_overflow(entry->numel, dim, &entry->numel))
            return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: shape of more than 2^63 elements", file->name,
                            entry->name);
        entry->dim[entry->ndim++] = dim; /* the scan admits no longer arrays */
    }
    return VIT_OK;
}

static int read_offsets(const struct vit_safetensors *file, struct vit_safetensors_entry *entry, const cJSON *array)
{
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != 2)
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: data_offsets is not an array of two numbers", file->name,
                        entry->name);
    int64_t begin = 0, end = 0;
    int status = read_integer(file, entry->name, array->child, &begin);
    if (!status)
        status = read_integer(file, entry->name, array->child->next, &end);
    if (status)
        return status;
    if (end < begin)
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: data_offsets [%lld, %lld] end before they begin", file->name,
                        entry->name, (long long)begin, (long long)end);
    entry->begin = (size_t)begin;
    entry->bytes = (size_t)(end - begin);
    return VIT_OK;
}

static int read_dtype(const struct vit_safetensors *file, struct vit_safetensors_entry *entry, const cJSON *item)
{
    if (!cJSON_IsString(item))
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: dtype is not a string", file->name, entry->name);
    if (check_plain(file, item->valuestring, "a dtype"))
        return VIT_EFORMAT;
    entry->dtype = vit_dtype_find(item->valuestring);
    if (entry->dtype == VIT_N_DTYPES)
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: unknown dtype \"%.40s\"", file->name, entry->name,
                        item->valuestring);
    return VIT_OK;
}

typedef int (*field_reader)(const struct vit_safetensors *, struct vit_safetensors_entry *, const cJSON *);

static const struct {
    const char *key;
    field_reader read;
} fields[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};

enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static int read_entry(const struct vit_safetensors *file, struct vit_safetensors_entry *entry, const cJSON *object)
{
    if (!cJSON_IsObject(object))
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: its description is not an object", file->name, entry->name);
    bool seen[N_FIELDS] = {false};
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (check_plain(file, item->string, "a key"))
            return VIT_EFORMAT;
        int i = 0;
        while (i < N_FIELDS && strcmp(fields[i].key, item->string) != 0)
            i++;
        if (i == N_FIELDS || seen[i])
            return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: %s key \"%.40s\"", file->name, entry->name,
                            i == N_FIELDS ? "unknown" : "duplicate", item->string);
        seen[i] = true;
        int status = fields[i].read(file, entry, item);
        if (status)
            return status;
    }
    for (int i = 0; i < N_FIELDS; i++)
        if (!seen[i])
            return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: no %s", file->name, entry->name, fields[i].key);
    return VIT_OK;
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct vit_safetensors_pair *)a)->key, ((const struct vit_safetensors_pair *)b)->key);
}

static int read_metadata(struct vit_safetensors *file, const cJSON *object)
{
    if (!cJSON_IsObject(object))
        return vit_fail(VIT_EFORMAT, "%s: __metadata__ is not an object", file->name);
    if (file->metadata)
        return vit_fail(VIT_EFORMAT, "%s: duplicate key \"__metadata__\"", file->name);
    file->metadata =
        vit_arena_alloc(&file->arena, (size_t)cJSON_GetArraySize(object) + 1, sizeof(struct vit_safetensors_pair));
    if (!file->metadata)
        return VIT_ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        struct vit_safetensors_pair *pair = &file->metadata[file->n_metadata++];
        if (check_plain(file, item->string, "a key of __metadata__"))
            return VIT_EFORMAT;
        if (!cJSON_IsString(item))
            return vit_fail(VIT_EFORMAT, "%s: __metadata__: the value of \"%.200s\" is not a string", file->name,
                            item->string);
        pair->key = vit_arena_print(&file->arena, "%s", item->string);
        pair->value = vit_arena_print(&file->arena, "%s", item->valuestring);
        if (!pair->key || !pair->value)
            return VIT_ENOMEM;
    }
    qsort(file->metadata, (size_t)file->n_metadata, sizeof *file->metadata, compare_pairs);
    for (int i = 1; i < file->n_metadata; i++)
        if (compare_pairs(&file->metadata[i - 1], &file->metadata[i]) == 0)
            return vit_fail(VIT_EFORMAT, "%s: __metadata__: duplicate key \"%.200s\"", file->name,
                            file->metadata[i].key);
    return VIT_OK;
}

static int read_root(struct vit_safetensors *file, const cJSON *root)
{
    file->entry =
        vit_arena_alloc(&file->arena, (size_t)cJSON_GetArraySize(root) + 1, sizeof(struct vit_safetensors_entry));
    if (!file->entry)
        return VIT_ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, root)
    {
        int status;
        if (strcmp(item->string, "__metadata__") == 0) {
            status = read_metadata(file, item);
        } else {
            if (check_plain(file, item->string, "a tensor's name"))
                return VIT_EFORMAT;
            struct vit_safetensors_entry *entry = &file->entry[file->n_entry++];
            entry->name = vit_arena_print(&file->arena, "%s", item->string);
            status = entry->name ? read_entry(file, entry, item) : VIT_ENOMEM;
        }
        if (status)
            return status;
    }
    return VIT_OK;
}

int vit_safetensors_header(struct vit_safetensors *file, const unsigned char *text, size_t size)
{
    if (size == 0 || text[0] != '{')
        return vit_fail(VIT_EFORMAT, "%s: the header does not begin with '{'", file->name);
    size_t valid = vit_utf8_valid_bytes(text, size);
    if (valid < size)
        return vit_fail(VIT_EFORMAT, "%s: header byte %zu: invalid UTF-8", file->name, valid);
    int status = scan_header(file->name, text, size);
    if (status)
        return status;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)text, size, NULL, 0);
    if (!root)
        return vit_fail(VIT_EFORMAT, "%s: the header is not valid JSON", file->name);
    status = cJSON_IsObject(root) ? read_root(file, root)
                                  : vit_fail(VIT_EFORMAT, "%s: the header is not a JSON object", file->name);
    cJSON_Delete(root);
    return status;
}
