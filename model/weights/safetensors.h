/* SPDX-License-Identifier: MIT */
/* safetensors.h - reader and writer of safetensors files: an 8-byte little-endian header length, a JSON header, data.
 * A file that opened is sound: every tensor lies within the data, they cover it without gaps and without overlap, names
 * are unique valid UTF-8 without control characters, and sizes follow from dtype and shape. */
#pragma once

#include "model/base/arena.h"
#include "model/weights/byte_source.h"
#include "model/weights/dtype.h"

enum { VIT_SAFETENSORS_MAX_DIMS = 8, VIT_SAFETENSORS_LENGTH_BYTES = 8 };

struct vit_safetensors_entry {
    const char *name;
    enum vit_dtype dtype;
    int ndim;
    int64_t dim[VIT_SAFETENSORS_MAX_DIMS];
    int64_t numel;
    size_t begin, bytes; /* within the data part */
    size_t at;           /* of its first byte in the file */
    const struct vit_byte_source *source;
};

/* A pair of the header's __metadata__. */
struct vit_safetensors_pair {
    const char *key, *value;
};

struct vit_safetensors {
    const char *name; /* for messages: the path */
    size_t size;
    size_t header_bytes;                 /* with padding, without the 8 bytes before it */
    struct vit_safetensors_entry *entry; /* in the order of their data */
    int n_entry;
    struct vit_safetensors_pair *metadata;
    int n_metadata;
    struct vit_safetensors_entry **by_name;
    struct vit_arena arena; /* names, entries, metadata, the source */
    struct vit_byte_source *source;
};

/* Reads the header; the data is read when asked for, by one thread at a time. */
int vit_safetensors_open(struct vit_safetensors *file, const char *path);

/* The same for a file in memory: bytes must outlive the struct. `name` stands for the path in messages. */
int vit_safetensors_parse(struct vit_safetensors *file, const void *bytes, size_t size, const char *name);

void vit_safetensors_close(struct vit_safetensors *file);

/* NULL when there is none of this name. */
const struct vit_safetensors_entry *vit_safetensors_find(const struct vit_safetensors *file, const char *name);

/* A text of the header's __metadata__; NULL when there is none of this key. */
const char *vit_safetensors_text(const struct vit_safetensors *file, const char *key);

/* Elements start .. start+count as vit_real. Fails for integers and formats narrower than 16 bits, and where the file
 * can no longer be read or was shortened since it was opened. */
int vit_safetensors_read(const struct vit_safetensors_entry *entry, int64_t start, int64_t count, vit_real *out);

/* "(2, 3, 224, 224)" or "(2,)", as vit_shape_text does for tensors. */
enum { VIT_SAFETENSORS_SHAPE_TEXT = 192 };
const char *vit_safetensors_shape_text(const struct vit_safetensors_entry *entry,
                                       char text[VIT_SAFETENSORS_SHAPE_TEXT]);

/* A tensor to be written as dtype (F16, BF16, F32 or F64). */
struct vit_safetensors_source {
    const char *name;
    enum vit_dtype dtype;
    int ndim;
    const int64_t *dim;     /* (ndim) */
    const vit_real *values; /* product of dim */
};

struct vit_safetensors_content {
    const struct vit_safetensors_source *tensor;
    int n_tensor;
    const struct vit_safetensors_pair *metadata; /* values are text of any kind; NULL with n_metadata = 0 */
    int n_metadata;
};

/* The whole file or nothing: written beside `path`, then renamed. Wider formats first, then by name, as the safetensors
 * library orders them, so the same content gives the same bytes. */
int vit_safetensors_write(const char *path, const struct vit_safetensors_content *content);
