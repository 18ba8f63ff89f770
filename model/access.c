/* SPDX-License-Identifier: MIT */
#include "model/access.h"

/* Parts end where lines of y do: arrays that begin at the same place in a line, as most do, are cut into whole lines.
 */
void vit_access_zip(struct vit_access *access, const struct vit_zip *zip)
{
    const void *lead = zip->y ? zip->y : zip->a;
    size_t part = VIT_LINE_BYTES - (uintptr_t)lead % VIT_LINE_BYTES;
    for (size_t at = 0; at < zip->bytes; at += part, part = VIT_LINE_BYTES) {
        if (part > zip->bytes - at)
            part = zip->bytes - at;
        if (zip->a)
            vit_access_read(access, (const char *)zip->a + at, part);
        if (zip->b)
            vit_access_read(access, (const char *)zip->b + at, part);
        if (zip->c)
            vit_access_read(access, (const char *)zip->c + at, part);
        if (zip->y)
            vit_access_write(access, (const char *)zip->y + at, part);
    }
}
