/* SPDX-License-Identifier: MIT */
/* digest.c - SHA-256 by Nettle. */
#include "model/weights/digest.h"

#include "model/base/status.h"

#include <nettle/sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct vit_digest {
    struct sha256_ctx context;
};

struct vit_digest *vit_digest_open(void)
{
    struct vit_digest *digest = malloc(sizeof *digest);
    if (digest)
        sha256_init(&digest->context);
    else
        vit_fail(VIT_ENOMEM, "out of memory: digest");
    return digest;
}

void vit_digest_add(struct vit_digest *digest, const void *bytes, size_t size)
{
    if (size)
        sha256_update(&digest->context, size, bytes);
}

void vit_digest_close(struct vit_digest *digest, char hex[VIT_SHA256_HEX])
{
    uint8_t sum[SHA256_DIGEST_SIZE];
    if (digest && hex) {
        sha256_digest(&digest->context, sizeof sum, sum);
        for (size_t i = 0; i < sizeof sum; i++)
            snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }
    free(digest);
}
