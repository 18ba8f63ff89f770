/* SPDX-License-Identifier: MIT */
/* image_codec.h - between image.c and the two decoders; each leaves no image on failure. */
#pragma once

#include "model/data/image.h"

int vit_image_parse_jpeg(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name);
int vit_image_parse_png(struct vit_image *image, const uint8_t *bytes, size_t size, const char *name);
