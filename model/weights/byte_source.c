/* SPDX-License-Identifier: MIT */
#include "model/weights/byte_source.h"

#include "model/base/status.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int vit_byte_source_open(struct vit_byte_source *source, const char *path)
{
    *source = (struct vit_byte_source){.name = path};
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (source->fd < 0)
        return vit_fail(VIT_EIO, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    int status = VIT_OK;
    if (fstat(source->fd, &info) != 0)
        status = vit_fail(VIT_EIO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = vit_fail(VIT_EIO, "%s: %s, not a safetensors file", path,
                          S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    else if (!(source->buffer = malloc(VIT_BYTE_PIECE)))
        status = vit_fail(VIT_ENOMEM, "%s: out of memory to read it", path);
    if (status) {
        close(source->fd);
        return status;
    }
    source->size = (size_t)info.st_size;
    return VIT_OK;
}

void vit_byte_source_close(struct vit_byte_source *source)
{
    if (source->buffer)
        close(source->fd);
    free(source->buffer);
    *source = (struct vit_byte_source){0};
}

const unsigned char *vit_byte_source_piece(const struct vit_byte_source *source, size_t offset, size_t size)
{
    assert(offset <= source->size && size <= source->size - offset);
    if (source->bytes || size == 0)
        return source->bytes ? source->bytes + offset : source->buffer;
    assert(size <= VIT_BYTE_PIECE);
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(source->fd, source->buffer + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            vit_fail(VIT_EIO, "%s: cannot read byte %zu: %s", source->name, offset + done,
                     got < 0 ? strerror(errno) : "the file was shortened after it was opened");
            return NULL;
        }
        done += (size_t)got;
    }
    return source->buffer;
}
