/* SPDX-License-Identifier: MIT */
/* idx.h - idx files (the format of MNIST and its successors), plain or gzip compressed: big-endian magic
 * 00 00 TYPE DIMS, DIMS 32 bit sizes, then the values. Only unsigned bytes (type 0x08) are read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VIT_IDX_MAX_DIMS 4

struct vit_idx {
    int dims;
    int64_t size[VIT_IDX_MAX_DIMS]; /* outermost first; unused ones are 1 */
    uint8_t *values;                /* (size[0], ..., size[dims - 1]) */
};

int vit_idx_read(struct vit_idx *idx, const char *path);

/* Reads an uncompressed idx file in memory; `name` stands in messages. */
int vit_idx_parse(struct vit_idx *idx, const uint8_t *bytes, size_t size, const char *name);

void vit_idx_close(struct vit_idx *idx);
