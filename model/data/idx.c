/* SPDX-License-Identifier: MIT */
/* idx.c - reading idx files. Sizes are claims of the file: memory grows with the bytes that really arrive. */
#include "model/data/idx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "model/base/status.h"

#define UNSIGNED_BYTE 0x08
#define MAX_VALUES (1LL << 31)
#define FIRST_CHUNK ((size_t)1 << 20)

/* Where bytes come from: a file through zlib, or memory. */
struct source {
    const char *name;
    gzFile file; /* NULL: memory */
    const uint8_t *next;
    size_t left;
};

/* *got < size only at the end. */
static int take(struct source *source, uint8_t *out, size_t size, size_t *got)
{
    if (!source->file) {
        *got = size < source->left ? size : source->left;
        memcpy(out, source->next, *got);
        source->next += *got;
        source->left -= *got;
        return VIT_OK;
    }
    int count = gzread(source->file, out, (unsigned)size);
    int code = Z_OK;
    const char *text = gzerror(source->file, &code);
    *got = count > 0 ? (size_t)count : 0;
    if (code == Z_BUF_ERROR)
        return vit_fail(VIT_EFORMAT, "%s: truncated gzip file", source->name);
    if (count < 0 || code < 0)
        return vit_fail(code == Z_ERRNO ? VIT_EIO : VIT_EFORMAT, "%s: %s", source->name,
                        code == Z_ERRNO ? strerror(errno) : text);
    return VIT_OK;
}

static int take_header(struct source *source, struct vit_idx *idx, int64_t *count)
{
    uint8_t magic[4], sizes[4 * VIT_IDX_MAX_DIMS];
    size_t got = 0;
    int status = take(source, magic, sizeof magic, &got);
    if (status)
        return status;
    if (got < sizeof magic || magic[0] != 0 || magic[1] != 0)
        return vit_fail(VIT_EFORMAT, "%s: not an idx file (it starts with two zero bytes, a type and a number of dims)",
                        source->name);
    if (magic[2] != UNSIGNED_BYTE)
        return vit_fail(VIT_ENOTSUP, "%s: idx values of type 0x%02x; only unsigned bytes (0x%02x) are supported",
                        source->name, magic[2], UNSIGNED_BYTE);
    if (magic[3] < 1 || magic[3] > VIT_IDX_MAX_DIMS)
        return vit_fail(VIT_EFORMAT, "%s: idx file of %d dims; expected 1 to %d", source->name, magic[3],
                        VIT_IDX_MAX_DIMS);
    idx->dims = magic[3];
    status = take(source, sizes, 4 * (size_t)idx->dims, &got);
    if (status)
        return status;
    if (got < 4 * (size_t)idx->dims)
        return vit_fail(VIT_EFORMAT, "%s: truncated idx header", source->name);
    *count = 1;
    for (int d = 0; d < VIT_IDX_MAX_DIMS; d++) {
        const uint8_t *b = sizes + 4 * d;
        idx->size[d] = d < idx->dims ? (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3] : 1;
        if (idx->size[d] == 0)
            return vit_fail(VIT_EFORMAT, "%s: idx dim %d has size 0", source->name, d);
        if (idx->size[d] > MAX_VALUES / *count)
            return vit_fail(VIT_EFORMAT, "%s: idx header claims more than %lld values", source->name, MAX_VALUES);
        *count *= idx->size[d];
    }
    return VIT_OK;
}

static int take_values(struct source *source, struct vit_idx *idx, int64_t count)
{
    size_t wanted = (size_t)count, have = 0, room = 0;
    while (have < wanted) {
        size_t got = 0;
        if (have == room) {
            room = room ? 2 * room : FIRST_CHUNK;
            if (room > wanted)
                room = wanted;
            uint8_t *grown = realloc(idx->values, room);
            if (!grown)
                return vit_fail(VIT_ENOMEM, "%s: out of memory", source->name);
            idx->values = grown;
        }
        int status = take(source, idx->values + have, room - have, &got);
        if (status)
            return status;
        if (got == 0)
            return vit_fail(VIT_EFORMAT, "%s: truncated: %zu of %zu values", source->name, have, wanted);
        have += got;
    }
    uint8_t extra;
    size_t got = 0;
    int status = take(source, &extra, 1, &got); /* also makes zlib check the sum at the end */
    if (!status && got > 0)
        status =
            vit_fail(VIT_EFORMAT, "%s: bytes after the %zu values that the idx header announces", source->name, wanted);
    return status;
}

static int read_source(struct source *source, struct vit_idx *idx)
{
    *idx = (struct vit_idx){0};
    int64_t count = 0;
    int status = take_header(source, idx, &count);
    if (!status)
        status = take_values(source, idx, count);
    if (status)
        vit_idx_close(idx);
    return status;
}

int vit_idx_parse(struct vit_idx *idx, const uint8_t *bytes, size_t size, const char *name)
{
    struct source source = {.name = name, .next = bytes, .left = size};
    return read_source(&source, idx);
}

int vit_idx_read(struct vit_idx *idx, const char *path)
{
    *idx = (struct vit_idx){0};
    struct source source = {.name = path, .file = gzopen(path, "rb")};
    if (!source.file)
        return vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    int status = read_source(&source, idx);
    gzclose_r(source.file);
    return status;
}

void vit_idx_close(struct vit_idx *idx)
{
    free(idx->values);
    *idx = (struct vit_idx){0};
}
