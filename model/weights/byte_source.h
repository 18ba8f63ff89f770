/* SPDX-License-Identifier: MIT */
/* byte_source.h - the bytes of a file: in memory, or read piece by piece from an open file. A file is not mapped, since
 * its pages would count as the program's memory, and a file that others shorten would end the program by a signal. */
#pragma once

#include <stddef.h>

enum { VIT_BYTE_PIECE = 128 * 1024 };

struct vit_byte_source {
    const char *name; /* for messages: the path; borrowed */
    size_t size;
    const unsigned char *bytes; /* (size) in memory; NULL: in the file */
    int fd;
    unsigned char *buffer; /* (VIT_BYTE_PIECE), of a file */
};

/* A regular file. On failure nothing is left to close. */
int vit_byte_source_open(struct vit_byte_source *source, const char *path);

/* Also right for one of bytes in memory, which are the caller's. */
void vit_byte_source_close(struct vit_byte_source *source);

/* Bytes offset .. offset + size, at most VIT_BYTE_PIECE of them and all within the source; valid until the next piece.
 * NULL, with VIT_EIO's message, when the file cannot be read or is shorter than when it was opened. */
const unsigned char *vit_byte_source_piece(const struct vit_byte_source *source, size_t offset, size_t size);
