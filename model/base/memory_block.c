/* SPDX-License-Identifier: MIT */
#include "model/base/memory_block.h"

#include "model/base/status.h"

#include <stdlib.h>
#include <sys/mman.h>

int vit_memory_block(void **memory, size_t bytes, const char *what)
{
    enum { HUGE_PAGE = 2 << 20, CACHE_LINE = 64 };
    *memory = NULL;
    if (bytes == 0)
        return VIT_OK;
    size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    int error = posix_memalign(memory, alignment, bytes);
    if (error)
        return vit_fail(VIT_ENOMEM, "out of memory: %.1f MiB of %s", (double)bytes / (1 << 20), what);
    if (bytes >= HUGE_PAGE)
        madvise(*memory, bytes, MADV_HUGEPAGE);
    return VIT_OK;
}
