/* SPDX-License-Identifier: MIT */
/* safetensors_write.c - writes a safetensors file whole or not at all: into a new file in the same folder that takes
 * the path's place when everything is on the disk. */
#include "model/base/status.h"
#include "model/weights/safetensors.h"
#include "model/weights/safetensors_header.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4096, ALIGNMENT = 8, ATTEMPTS = 100 };

static int64_t source_numel(const struct vit_safetensors_source *source)
{
    int64_t n = 1;
    for (int i = 0; i < source->ndim; i++)
        n *= source->dim[i];
    return n;
}

static int compare_sources(const void *a, const void *b)
{
    const struct vit_safetensors_source *x = *(const struct vit_safetensors_source *const *)a;
    const struct vit_safetensors_source *y = *(const struct vit_safetensors_source *const *)b;
    if (x->dtype != y->dtype)
        return x->dtype > y->dtype ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_text(const char *text)
{
    size_t size = strlen(text);
    return vit_utf8_valid_bytes((const unsigned char *)text, size) == size;
}

static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return is_text(text);
}

/* What the reader would refuse must not be written. */
static int check_content(const char *path, const struct vit_safetensors_content *content)
{
    int count = content->n_tensor > content->n_metadata ? content->n_tensor : content->n_metadata;
    const char **name = calloc((size_t)count + 1, sizeof *name);
    if (!name)
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d names", path, count);
    int status = VIT_OK;
    for (int i = 0; i < content->n_tensor && !status; i++) {
        const struct vit_safetensors_source *source = &content->tensor[i];
        assert(vit_dtype_table[source->dtype].loadable && source->ndim <= VIT_SAFETENSORS_MAX_DIMS);
        name[i] = source->name;
        if (!is_plain(source->name) || strcmp(source->name, "__metadata__") == 0)
            status = vit_fail(VIT_EINVAL,
                              "%s: tensor %d: its name is __metadata__, not UTF-8, or has control characters", path, i);
    }
    qsort(name, (size_t)content->n_tensor, sizeof *name, compare_texts);
    for (int i = 1; i < content->n_tensor && !status; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            status = vit_fail(VIT_EINVAL, "%s: two tensors called %.200s", path, name[i]);
    for (int i = 0; i < content->n_metadata && !status; i++) {
        name[i] = content->metadata[i].key;
        if (!is_plain(content->metadata[i].key) || !is_text(content->metadata[i].value))
            status =
                vit_fail(VIT_EINVAL, "%s: metadata pair %d is not UTF-8, or its key has control characters", path, i);
    }
    if (!status)
        qsort(name, (size_t)content->n_metadata, sizeof *name, compare_texts);
    for (int i = 1; i < content->n_metadata && !status; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            status = vit_fail(VIT_EINVAL, "%s: two metadata pairs called %.200s", path, name[i]);
    free(name);
    return status;
}

/* JSON text to be freed; NULL when out of memory. */
static char *header_text(const struct vit_safetensors_source *const *order,
                         const struct vit_safetensors_content *content)
{
    cJSON *root = cJSON_CreateObject();
    bool good = root != NULL;
    if (content->n_metadata) {
        cJSON *metadata = cJSON_AddObjectToObject(root, "__metadata__");
        for (int i = 0; i < content->n_metadata; i++)
            good &= cJSON_AddStringToObject(metadata, content->metadata[i].key, content->metadata[i].value) != NULL;
    }
    double begin = 0;
    for (int t = 0; t < content->n_tensor && good; t++) {
        const struct vit_dtype_info *info = &vit_dtype_table[order[t]->dtype];
        int64_t bytes = source_numel(order[t]) * (info->bits / 8);
        double end = begin + (double)bytes;
        cJSON *entry = cJSON_AddObjectToObject(root, order[t]->name);
        good = cJSON_AddStringToObject(entry, "dtype", info->name) != NULL;
        cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
        for (int i = 0; i < order[t]->ndim; i++)
            good &= cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)order[t]->dim[i]));
        cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
        good &= cJSON_AddItemToArray(offsets, cJSON_CreateNumber(begin));
        good &= cJSON_AddItemToArray(offsets, cJSON_CreateNumber(end));
        begin = end;
    }
    char *text = good ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

/* 0, or -1 with errno set. */
static int write_tensor(FILE *stream, const struct vit_safetensors_source *source)
{
    unsigned char bytes[CHUNK * sizeof(double)];
    size_t size = (size_t)vit_dtype_table[source->dtype].bits / 8;
    int64_t numel = source_numel(source);
    for (int64_t start = 0; start < numel; start += CHUNK) {
        int64_t count = numel - start < CHUNK ? numel - start : CHUNK;
        vit_dtype_encode(source->dtype, count, source->values + start, bytes);
        if (fwrite(bytes, size, (size_t)count, stream) != (size_t)count)
            return -1;
    }
    return 0;
}

/* 0, or -1 with errno set. */
static int write_stream(FILE *stream, const char *header, const struct vit_safetensors_source *const *order, int n)
{
    size_t length = strlen(header), padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    if (fwrite(prefix, 1, sizeof prefix, stream) != sizeof prefix || fwrite(header, 1, length, stream) != length)
        return -1;
    for (size_t i = length; i < padded; i++)
        if (fputc(' ', stream) == EOF)
            return -1;
    for (int t = 0; t < n; t++)
        if (write_tensor(stream, order[t]))
            return -1;
    return fflush(stream) == 0 && fsync(fileno(stream)) == 0 ? 0 : -1;
}

/* The file of this name, empty and locked; -1 when another process writes it, or with another errno than EWOULDBLOCK
 * when it cannot be written. */
static int open_locked(const char *name)
{
    struct stat opened, named;
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return -1;
    bool busy = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    /* Whoever had the lock may have renamed the file since it was opened: then it is what it was written for. */
    bool same = fstat(fd, &opened) == 0 && stat(name, &named) == 0 && opened.st_ino == named.st_ino &&
                opened.st_dev == named.st_dev;
    if (!busy && same && ftruncate(fd, 0) == 0)
        return fd;
    int error = busy || !same ? EWOULDBLOCK : errno;
    close(fd);
    errno = error;
    return -1;
}

/* Opens a file beside path for writing: a new one, or one that a writer has left that was killed. temporary has room
 * for path and 24 bytes more. */
static FILE *open_beside(const char *path, char *temporary)
{
    int fd = -1;
    for (int i = 0; i < ATTEMPTS && fd < 0; i++) {
        sprintf(temporary, "%s.partial%d", path, i);
        fd = open_locked(temporary);
        if (fd < 0 && errno != EWOULDBLOCK)
            return NULL;
    }
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (fd >= 0 && !stream) {
        close(fd);
        unlink(temporary);
    }
    return stream;
}

static int replace_file(const char *path, const char *header, const struct vit_safetensors_source *const *order, int n)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* rename would take a device's place */
        return vit_fail(VIT_EIO, "%s: cannot write: %s", path,
                        S_ISDIR(info.st_mode) ? "it is a directory" : "it is not a regular file");
    char *temporary = malloc(strlen(path) + 24);
    if (!temporary)
        return vit_fail(VIT_ENOMEM, "%s: out of memory for its name", path);
    FILE *stream = open_beside(path, temporary);
    int status = VIT_OK;
    if (!stream) {
        status = vit_fail(VIT_EIO, "%s: cannot write: %s", path, strerror(errno));
    } else {
        int failed = write_stream(stream, header, order, n) ? errno : 0;
        if (!failed && rename(temporary, path) != 0) /* while it is locked */
            failed = errno;
        if (failed)
            unlink(temporary);
        (void)fclose(stream); /* all is on the disk */
        if (failed)
            status = vit_fail(VIT_EIO, "%s: cannot write: %s", path, strerror(failed));
    }
    free(temporary);
    return status;
}

int vit_safetensors_write(const char *path, const struct vit_safetensors_content *content)
{
    int status = check_content(path, content);
    if (status)
        return status;
    const struct vit_safetensors_source **order = calloc((size_t)content->n_tensor + 1, sizeof *order);
    if (!order)
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d tensors", path, content->n_tensor);
    for (int i = 0; i < content->n_tensor; i++)
        order[i] = &content->tensor[i];
    qsort(order, (size_t)content->n_tensor, sizeof *order, compare_sources);
    char *header = header_text(order, content);
    status = header ? replace_file(path, header, order, content->n_tensor)
                    : vit_fail(VIT_ENOMEM, "%s: out of memory for its header", path);
    cJSON_free(header);
    free(order);
    return status;
}
