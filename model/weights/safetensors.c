/* SPDX-License-Identifier: MIT */
/* safetensors.c - opens a file and checks that its tensors fit the data; the header's text is read in
 * safetensors_header.c. */
#include "model/weights/safetensors.h"

#include "model/base/status.h"
#include "model/weights/safetensors_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = VIT_SAFETENSORS_LENGTH_BYTES, LARGEST_HEADER = 100000000 };

static int compare_places(const void *a, const void *b)
{
    const struct vit_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct vit_safetensors_entry *const *)a)->name, (*(struct vit_safetensors_entry *const *)b)->name);
}

const char *vit_safetensors_shape_text(const struct vit_safetensors_entry *entry, char text[VIT_SAFETENSORS_SHAPE_TEXT])
{
    size_t used = 0;
    text[used++] = '(';
    for (int i = 0; i < entry->ndim; i++)
        used += (size_t)snprintf(text + used, VIT_SAFETENSORS_SHAPE_TEXT - used, i ? ", %lld" : "%lld",
                                 (long long)entry->dim[i]);
    snprintf(text + used, VIT_SAFETENSORS_SHAPE_TEXT - used, entry->ndim == 1 ? ",)" : ")");
    return text;
}

static int check_size(const struct vit_safetensors *file, const struct vit_safetensors_entry *entry)
{
    int bits_each = vit_dtype_table[entry->dtype].bits;
    int64_t bits;
    char shape[VIT_SAFETENSORS_SHAPE_TEXT];
    vit_safetensors_shape_text(entry, shape);
    if (__builtin_mul_overflow(entry->numel, bits_each, &bits))
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: shape %s is too large", file->name, entry->name, shape);
    if (bits % 8 || (uint64_t)(bits / 8) != entry->bytes)
        return vit_fail(VIT_EFORMAT, "%s: tensor %.200s: %zu bytes of data, but %s of shape %s needs %lld%s",
                        file->name, entry->name, entry->bytes, vit_dtype_table[entry->dtype].name, shape,
                        (long long)(bits / 8), bits % 8 ? " and a part of a byte" : "");
    return VIT_OK;
}

/* The entries, sorted by their place, must cover the data. */
static int check_layout(struct vit_safetensors *file)
{
    size_t before = LENGTH_BYTES + file->header_bytes, size = file->size - before;
    size_t end = 0;
    for (int i = 0; i < file->n_entry; i++) {
        struct vit_safetensors_entry *entry = &file->entry[i];
        int status = check_size(file, entry);
        if (status)
            return status;
        if (entry->begin > size || entry->bytes > size - entry->begin)
            return vit_fail(VIT_EFORMAT,
                            "%s: tensor %.200s: data_offsets [%zu, %zu] reach past the end of the data (%zu bytes)",
                            file->name, entry->name, entry->begin, entry->begin + entry->bytes, size);
        if (entry->begin < end)
            return vit_fail(VIT_EFORMAT, "%s: tensors %.200s and %.200s overlap at data byte %zu", file->name,
                            entry[-1].name, entry->name, entry->begin);
        if (entry->begin > end)
            return vit_fail(VIT_EFORMAT, "%s: %zu bytes before tensor %.200s belong to no tensor", file->name,
                            entry->begin - end, entry->name);
        entry->at = before + entry->begin;
        entry->source = file->source;
        end = entry->begin + entry->bytes;
    }
    if (end != size)
        return vit_fail(VIT_EFORMAT, "%s: %zu bytes after the last tensor belong to no tensor", file->name, size - end);
    return VIT_OK;
}

static int check_names(struct vit_safetensors *file)
{
    file->by_name = vit_arena_alloc(&file->arena, (size_t)file->n_entry + 1, sizeof *file->by_name);
    if (!file->by_name)
        return VIT_ENOMEM;
    for (int i = 0; i < file->n_entry; i++)
        file->by_name[i] = &file->entry[i];
    qsort(file->by_name, (size_t)file->n_entry, sizeof *file->by_name, compare_names);
    for (int i = 1; i < file->n_entry; i++)
        if (compare_names(&file->by_name[i - 1], &file->by_name[i]) == 0)
            return vit_fail(VIT_EFORMAT, "%s: duplicate tensor %.200s", file->name, file->by_name[i]->name);
    return VIT_OK;
}

static int read_length(const struct vit_safetensors *file, size_t *header_bytes)
{
    if (file->size < LENGTH_BYTES)
        return vit_fail(VIT_EFORMAT,
                        "%s: %zu bytes are too few for a safetensors file, which begins with 8 bytes of "
                        "header length",
                        file->name, file->size);
    const unsigned char *bytes = vit_byte_source_piece(file->source, 0, LENGTH_BYTES);
    if (!bytes)
        return VIT_EIO;
    if (memcmp(bytes, "PK\3\4", 4) == 0)
        return vit_fail(VIT_EFORMAT, "%s: a zip archive (a PyTorch checkpoint?), not safetensors; convert it first",
                        file->name);
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (length > LARGEST_HEADER)
        return vit_fail(
            VIT_EFORMAT,
            "%s: a header of %llu bytes is longer than the %d that safetensors allows; is it a safetensors file?",
            file->name, (unsigned long long)length, LARGEST_HEADER);
    if (length > file->size - LENGTH_BYTES)
        return vit_fail(
            VIT_EFORMAT,
            "%s: a header of %llu bytes reaches past the end of the file (%zu bytes); is it a safetensors file?",
            file->name, (unsigned long long)length, file->size);
    *header_bytes = (size_t)length;
    return VIT_OK;
}

static int read_header(struct vit_safetensors *file)
{
    unsigned char *text = malloc(file->header_bytes + 1);
    int status =
        text ? VIT_OK
             : vit_fail(VIT_ENOMEM, "%s: out of memory for a header of %zu bytes", file->name, file->header_bytes);
    for (size_t done = 0, n; done < file->header_bytes && !status; done += n) {
        n = file->header_bytes - done < VIT_BYTE_PIECE ? file->header_bytes - done : VIT_BYTE_PIECE;
        const unsigned char *piece = vit_byte_source_piece(file->source, LENGTH_BYTES + done, n);
        if (piece)
            memcpy(text + done, piece, n);
        else
            status = VIT_EIO;
    }
    if (!status)
        status = vit_safetensors_header(file, text, file->header_bytes);
    free(text);
    return status;
}

/* Takes over the source if file->source is set after it; the caller closes the file on failure. */
static int parse(struct vit_safetensors *file, const struct vit_byte_source *source, const char *name)
{
    *file = (struct vit_safetensors){.size = source->size};
    file->name = vit_arena_print(&file->arena, "%s", name);
    file->source = vit_arena_alloc(&file->arena, 1, sizeof *file->source);
    if (!file->name || !file->source) {
        file->source = NULL; /* the caller has it still */
        return VIT_ENOMEM;
    }
    *file->source = *source;
    file->source->name = file->name;
    int status = read_length(file, &file->header_bytes);
    if (!status)
        status = read_header(file);
    if (status)
        return status;
    qsort(file->entry, (size_t)file->n_entry, sizeof *file->entry, compare_places);
    status = check_names(file);
    return status ? status : check_layout(file);
}

int vit_safetensors_parse(struct vit_safetensors *file, const void *bytes, size_t size, const char *name)
{
    const struct vit_byte_source source = {.bytes = bytes, .size = size};
    int status = parse(file, &source, name);
    if (status)
        vit_safetensors_close(file);
    return status;
}

int vit_safetensors_open(struct vit_safetensors *file, const char *path)
{
    struct vit_byte_source source;
    *file = (struct vit_safetensors){0};
    int status = vit_byte_source_open(&source, path);
    if (status)
        return status;
    status = parse(file, &source, path);
    if (status && !file->source)
        vit_byte_source_close(&source);
    if (status)
        vit_safetensors_close(file);
    return status;
}

void vit_safetensors_close(struct vit_safetensors *file)
{
    if (file->source)
        vit_byte_source_close(file->source);
    vit_arena_close(&file->arena);
    *file = (struct vit_safetensors){0};
}

static int compare_name_with_entry(const void *name, const void *entry)
{
    return strcmp(name, (*(struct vit_safetensors_entry *const *)entry)->name);
}

const char *vit_safetensors_text(const struct vit_safetensors *file, const char *key)
{
    for (int i = 0; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}

const struct vit_safetensors_entry *vit_safetensors_find(const struct vit_safetensors *file, const char *name)
{
    struct vit_safetensors_entry **found =
        bsearch(name, file->by_name, (size_t)file->n_entry, sizeof *file->by_name, compare_name_with_entry);
    return found ? *found : NULL;
}

int vit_safetensors_read(const struct vit_safetensors_entry *entry, int64_t start, int64_t count, vit_real *out)
{
    const struct vit_dtype_info *info = &vit_dtype_table[entry->dtype];
    if (!info->loadable)
        return vit_fail(VIT_EFORMAT, "tensor %.200s: cannot read %s as numbers; F16, BF16, F32 or F64 is needed",
                        entry->name, info->name);
    if (start < 0 || count < 0 || start > entry->numel || count > entry->numel - start)
        return vit_fail(VIT_EINVAL, "tensor %.200s: elements %lld to %lld asked of %lld", entry->name, (long long)start,
                        (long long)(start + count), (long long)entry->numel);
    size_t width = (size_t)(info->bits / 8);
    enum { MOST = VIT_BYTE_PIECE / 8 }; /* elements of the widest format */
    for (int64_t done = 0, n; done < count; done += n) {
        n = count - done < MOST ? count - done : MOST;
        const unsigned char *piece =
            vit_byte_source_piece(entry->source, entry->at + (size_t)(start + done) * width, (size_t)n * width);
        if (!piece)
            return VIT_EIO;
        vit_dtype_decode(entry->dtype, n, piece, out + done);
    }
    return VIT_OK;
}
