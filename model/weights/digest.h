/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256 of a file's bytes: which weights a result came from. */
#pragma once

#include <stddef.h>

enum { VIT_SHA256_HEX = 65 }; /* 64 digits and the closing NUL */

void vit_sha256_hex(const void *bytes, size_t size, char hex[VIT_SHA256_HEX]);
