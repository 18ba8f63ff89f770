/* SPDX-License-Identifier: MIT */
/* safetensors_header.h - checks on a header's text that come before it is handed to the JSON parser. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct vit_safetensors;

/* Offset of the first byte that is not valid UTF-8, or size. */
size_t vit_utf8_valid_bytes(const unsigned char *text, size_t size);

/* Fills entries and metadata from the header's text; does not look at the data. */
int vit_safetensors_header(struct vit_safetensors *file, const unsigned char *text, size_t size);
