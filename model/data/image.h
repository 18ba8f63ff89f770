/* SPDX-License-Identifier: MIT */
/* image.h - decoded 8 bit RGB images, read from JPEG and PNG as PIL's Image.open(path).convert("RGB") reads them:
 * gray is replicated, CMYK converted, palettes looked up, alpha dropped without blending, EXIF orientation and gamma
 * ignored. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Larger images are refused before any memory is taken for them. */
#define VIT_IMAGE_MAX_PIXELS (64 * 1024 * 1024)

struct vit_image {
    int width, height;
    uint8_t *rgb; /* (height, width, 3) */
};

/* Takes memory for width x height pixels (not cleared). VIT_EINVAL unless 1 <= pixels <= VIT_IMAGE_MAX_PIXELS. */
int vit_image_open(struct vit_image *image, int width, int height);

/* Gives the pixels back; a zeroed or closed image is allowed. */
void vit_image_close(struct vit_image *image);

/* Reads a JPEG or PNG file; the first bytes decide which, not the file name. */
int vit_image_read(struct vit_image *image, const char *path);

/* Decodes a JPEG or PNG in memory; `name` stands in messages. */
int vit_image_parse(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name);

/* Writes an 8 bit RGB PNG; the file appears whole or not at all. */
int vit_image_write_png(const char *path, const struct vit_image *image);
