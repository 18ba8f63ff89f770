/* SPDX-License-Identifier: MIT */
/* safetensors.c - maps a file and checks that its tensors fit the data; the header's text is read in
 * safetensors_header.c. */
#include "model/weights/safetensors.h"

#include "model/base/status.h"
#include "model/weights/safetensors_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH_BYTES = 8, LARGEST_HEADER = 100000000 };

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
static int check_layout(struct vit_safetensors *file, const unsigned char *data, size_t size)
{
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
        entry->data = data + entry->begin;
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

/* Everything but the arena and the mapping, which the caller closes on failure. */
static int parse(struct vit_safetensors *file)
{
    if (file->size < LENGTH_BYTES)
        return vit_fail(VIT_EFORMAT,
                        "%s: %zu bytes are too few for a safetensors file, which begins with 8 bytes of "
                        "header length",
                        file->name, file->size);
    if (memcmp(file->bytes, "PK\3\4", 4) == 0)
        return vit_fail(VIT_EFORMAT, "%s: a zip archive (a PyTorch checkpoint?), not safetensors; convert it first",
                        file->name);
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)file->bytes[i] << (8 * i);
    if (length > LARGEST_HEADER)
        return vit_fail(VIT_EFORMAT, "%s: a header of %llu bytes is longer than the %d that safetensors allows",
                        file->name, (unsigned long long)length, LARGEST_HEADER);
    if (length > file->size - LENGTH_BYTES)
        return vit_fail(VIT_EFORMAT, "%s: a header of %llu bytes reaches past the end of the file (%zu bytes)",
                        file->name, (unsigned long long)length, file->size);
    file->header_bytes = (size_t)length;
    int status = vit_safetensors_header(file, file->bytes + LENGTH_BYTES, file->header_bytes);
    if (status)
        return status;
    qsort(file->entry, (size_t)file->n_entry, sizeof *file->entry, compare_places);
    status = check_names(file);
    if (!status)
        status = check_layout(file, file->bytes + LENGTH_BYTES + file->header_bytes,
                              file->size - LENGTH_BYTES - file->header_bytes);
    return status;
}

int vit_safetensors_parse(struct vit_safetensors *file, const void *bytes, size_t size, const char *name)
{
    *file = (struct vit_safetensors){.bytes = bytes, .size = size};
    file->name = vit_arena_print(&file->arena, "%s", name);
    int status = file->name ? parse(file) : VIT_ENOMEM;
    if (status)
        vit_safetensors_close(file);
    return status;
}

int vit_safetensors_open(struct vit_safetensors *file, const char *path)
{
    *file = (struct vit_safetensors){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (fd < 0)
        return vit_fail(VIT_EIO, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    void *map = NULL;
    int status = VIT_OK;
    if (fstat(fd, &info) != 0)
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = vit_fail(VIT_EIO, "%s: %s, not a safetensors file", path,
                          S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    else if (info.st_size > 0 && (map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        status = vit_fail(VIT_EIO, "%s: cannot map: %s", path, strerror(errno));
    close(fd);
    if (status)
        return status;
    status = vit_safetensors_parse(file, map, (size_t)info.st_size, path);
    if (status && map)
        munmap(map, (size_t)info.st_size);
    else if (!status)
        file->map = map;
    return status;
}

void vit_safetensors_close(struct vit_safetensors *file)
{
    if (file->map)
        munmap(file->map, file->size);
    vit_arena_close(&file->arena);
    *file = (struct vit_safetensors){0};
}

static int compare_name_with_entry(const void *name, const void *entry)
{
    return strcmp(name, (*(struct vit_safetensors_entry *const *)entry)->name);
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
    vit_dtype_decode(entry->dtype, count, entry->data + (size_t)start * (size_t)(info->bits / 8), out);
    return VIT_OK;
}
