/* SPDX-License-Identifier: MIT */
#include "model/access.h"

void vit_access_zip(struct vit_access *access, const struct vit_zip *zip)
{
    for (size_t at = 0; at < zip->bytes; at += VIT_LINE_BYTES) {
        size_t part = zip->bytes - at < VIT_LINE_BYTES ? zip->bytes - at : VIT_LINE_BYTES;
        if (zip->a)
            vit_access_read(access, (const char *)zip->a + at, part);
        if (zip->b)
            vit_access_read(access, (const char *)zip->b + at, part);
        if (zip->y)
            vit_access_write(access, (const char *)zip->y + at, part);
    }
}
