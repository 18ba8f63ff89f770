/* SPDX-License-Identifier: MIT */
/* json_read.h - reads a JSON file of our own back, as one tree. What a file lacks, or has with another type, is NULL,
 * -1 or NaN: no call in between needs a check, the caller judges what it has got. */
#pragma once

#include <stdint.h>

struct cJSON;

/* VIT_EIO where the file cannot be read, VIT_EFORMAT (with the byte) where it is no JSON or larger than 16 MiB. On
 * failure *root is NULL and nothing is left to close. */
int vit_json_read(struct cJSON **root, const char *path);
void vit_json_free(struct cJSON *root);

/* object may be NULL. */
const struct cJSON *vit_json_member(const struct cJSON *object, const char *name);

/* Items of an array, in order: NULL past the last one, and where there is no array. */
const struct cJSON *vit_json_first(const struct cJSON *array);
const struct cJSON *vit_json_next(const struct cJSON *item);

/* The member called name: NULL, NaN, or -1 where it is no whole number from 0 to 2^53. */
const char *vit_json_text(const struct cJSON *object, const char *name);
double vit_json_real(const struct cJSON *object, const char *name);
int64_t vit_json_count(const struct cJSON *object, const char *name);
