/* SPDX-License-Identifier: MIT */
/* json.h - builds one JSON object in order, then prints it or writes it as a file: run.json, and rows of the JSON sink.
 * Errors stick to the document and come out of print, write or finish: no call in between needs a check.
 * `name` is NULL inside an array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cJSON;

enum { VIT_JSON_DEPTH = 16 };

struct vit_json {
    struct cJSON *open[VIT_JSON_DEPTH]; /* the document, then what was begun and not ended */
    int depth;
    int status;
};

/* An empty object. */
void vit_json_open(struct vit_json *json);
void vit_json_close(struct vit_json *json);

/* Begin a member; what follows goes into it until vit_json_end. */
void vit_json_object(struct vit_json *json, const char *name);
void vit_json_array(struct vit_json *json, const char *name);
void vit_json_end(struct vit_json *json);

void vit_json_string(struct vit_json *json, const char *name,
                     const char *value);                                       /* NULL: null; invalid UTF-8: U+FFFD */
void vit_json_integer(struct vit_json *json, const char *name, int64_t value); /* exact */
void vit_json_number(struct vit_json *json, const char *name, double value);   /* exact; not finite: null */
void vit_json_boolean(struct vit_json *json, const char *name, bool value);

/* null, and beside it "<name>_reason" with why there is no value. In an array: null alone. */
void vit_json_null(struct vit_json *json, const char *name, const char *reason);

/* Prints without a newline at the end: on one line, or indented. */
int vit_json_print(struct vit_json *json, FILE *file, bool indented);

/* Writes a file that appears whole or not at all. */
int vit_json_write(struct vit_json *json, const char *path);
