/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256 of a file's bytes, piece by piece: which weights a result came from. */
#pragma once

#include <stddef.h>

enum { VIT_SHA256_HEX = 65 }; /* 64 digits and the closing NUL */

struct vit_digest;

/* NULL when out of memory (the message is recorded). */
struct vit_digest *vit_digest_open(void);
void vit_digest_add(struct vit_digest *digest, const void *bytes, size_t size);

/* Frees it. hex gets the digest of all bytes added; NULL: not asked for. digest may be NULL: nothing happens. */
void vit_digest_close(struct vit_digest *digest, char hex[VIT_SHA256_HEX]);
