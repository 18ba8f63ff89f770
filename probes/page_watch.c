/* SPDX-License-Identifier: MIT */
#include "probes/page_watch.h"

#include "model/base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHECK_PAGES = 64, CHECK_STRIDE = 3 };

static int protect(const struct vit_page_watch *watch, int protection)
{
    for (int i = 0; i < watch->n_area; i++) {
        const struct vit_page_area *area = &watch->area[i];
        if (area->bytes > 0 && mprotect(area->memory, area->bytes, protection) != 0)
            return vit_fail(VIT_ENOTSUP, "touched pages: mprotect of %zu bytes: %s", area->bytes, strerror(errno));
    }
    return VIT_OK;
}

/* The bits are cleared while nothing can be accessed. Without that, translations that processors still hold in their
 * TLBs would let them touch pages without setting the bit again: the kernel flushes none when it clears. */
int vit_page_watch_start(struct vit_page_watch *watch)
{
    int status = protect(watch, PROT_NONE);
    if (status == VIT_OK && pwrite(watch->clear_refs, "1", 1, 0) != 1)
        status =
            vit_fail(VIT_ENOTSUP, "touched pages: the kernel does not take \"1\" in clear_refs: %s", strerror(errno));
    int again = protect(watch, PROT_READ | PROT_WRITE);
    return status == VIT_OK ? again : status;
}

/* "7f12c000-7f12d000 rw-p ..." begins a mapping; fields follow. */
static bool parse_mapping(const char *line, uintptr_t *begin, uintptr_t *end)
{
    unsigned long from, to;
    char space;
    if (sscanf(line, "%lx-%lx%c", &from, &to, &space) != 3 || space != ' ')
        return false;
    *begin = from;
    *end = to;
    return true;
}

static struct vit_page_area *area_at(struct vit_page_watch *watch, uintptr_t begin, uintptr_t end)
{
    for (int i = 0; i < watch->n_area; i++) {
        struct vit_page_area *area = &watch->area[i];
        if (begin >= (uintptr_t)area->memory && end <= (uintptr_t)area->memory + area->bytes)
            return area;
    }
    return NULL;
}

int vit_page_watch_count(struct vit_page_watch *watch)
{
    char line[PATH_MAX + 128];
    struct vit_page_area *area = NULL;
    uintptr_t begin = 0, end = 0;
    size_t seen = 0, wanted = 0;
    for (int i = 0; i < watch->n_area; i++) {
        watch->area[i].touched = 0;
        wanted += watch->area[i].bytes;
    }
    rewind(watch->smaps);
    while (fgets(line, sizeof line, watch->smaps)) {
        long kib;
        if (parse_mapping(line, &begin, &end)) {
            area = area_at(watch, begin, end);
        } else if (area && sscanf(line, "Referenced: %ld kB", &kib) == 1) {
            area->touched += (int64_t)kib * 1024;
            seen += end - begin;
        } else if (area && sscanf(line, "AnonHugePages: %ld kB", &kib) == 1 && kib > 0) {
            return vit_fail(VIT_ENOTSUP, "touched pages: the kernel uses huge pages although asked not to");
        }
    }
    if (seen != wanted)
        return vit_fail(VIT_ENOTSUP,
                        "touched pages: smaps does not say \"Referenced\" of all the memory (%zu of %zu "
                        "bytes)",
                        seen, wanted);
    return VIT_OK;
}

/* Every third page of the last area is touched: the kernel must say so, twice, and nothing else. */
static int check(struct vit_page_watch *watch)
{
    struct vit_page_area *area = &watch->area[watch->n_area - 1];
    const int64_t expected = (CHECK_PAGES + CHECK_STRIDE - 1) / CHECK_STRIDE * (int64_t)watch->page_bytes;
    for (int round = 0; round < 2; round++) {
        int64_t others = 0;
        int status = vit_page_watch_start(watch);
        if (status != VIT_OK)
            return status;
        for (size_t at = 0; at < area->bytes; at += CHECK_STRIDE * watch->page_bytes)
            *(volatile char *)(area->memory + at) = 1;
        status = vit_page_watch_count(watch);
        if (status != VIT_OK)
            return status;
        for (int i = 0; i < watch->n_area - 1; i++)
            others += watch->area[i].touched;
        if (area->touched != expected || others != 0)
            return vit_fail(VIT_ENOTSUP,
                            "touched pages: the kernel does not tell them right here: %lld bytes where %lld were "
                            "touched, %lld where none were",
                            (long long)area->touched, (long long)expected, (long long)others);
    }
    return VIT_OK;
}

/* Address space first, then memory for each area: the gaps keep the kernel from joining two areas to one mapping. */
static int allocate(struct vit_page_watch *watch, const size_t *bytes, int n)
{
    size_t page = watch->page_bytes, at = page;
    watch->n_area = n + 1;
    for (int i = 0; i <= n; i++) {
        watch->area[i].bytes = i < n ? (bytes[i] + page - 1) / page * page : CHECK_PAGES * page;
        watch->reserved_bytes += watch->area[i].bytes + page;
    }
    watch->reserved_bytes += page;
    watch->reserved = mmap(NULL, watch->reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (watch->reserved == MAP_FAILED) {
        watch->reserved = NULL;
        return vit_fail(VIT_ENOMEM, "out of memory: %zu bytes to watch", watch->reserved_bytes);
    }
    madvise(watch->reserved, watch->reserved_bytes, MADV_NOHUGEPAGE); /* fails where there are none */
    for (int i = 0; i <= n; i++) {
        watch->area[i].memory = watch->reserved + at;
        at += watch->area[i].bytes + page;
    }
    int status = protect(watch, PROT_READ | PROT_WRITE);
    for (int i = 0; i <= n && status == VIT_OK; i++) /* pages that were never written are not counted when read */
        memset(watch->area[i].memory, 0, watch->area[i].bytes);
    return status;
}

static int open_proc(struct vit_page_watch *watch, const char *proc)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/clear_refs", proc);
    watch->clear_refs = open(path, O_WRONLY | O_CLOEXEC);
    if (watch->clear_refs < 0)
        return vit_fail(VIT_ENOTSUP,
                        "touched pages: cannot write %s: %s (needs a kernel with "
                        "CONFIG_PROC_PAGE_MONITOR, and a sandbox that passes it)",
                        path, strerror(errno));
    snprintf(path, sizeof path, "%s/smaps", proc);
    watch->smaps = fopen(path, "re");
    if (!watch->smaps)
        return vit_fail(VIT_ENOTSUP, "touched pages: cannot read %s: %s (needs a kernel with CONFIG_PROC_PAGE_MONITOR)",
                        path, strerror(errno));
    return VIT_OK;
}

int vit_page_watch_open(struct vit_page_watch *watch, const char *proc, const size_t *bytes, int n)
{
    *watch = (struct vit_page_watch){.page_bytes = (size_t)sysconf(_SC_PAGESIZE), .clear_refs = -1};
    if (n > VIT_PAGE_AREAS - 1)
        return vit_fail(VIT_EINVAL, "touched pages: %d areas, at most %d", n, VIT_PAGE_AREAS - 1);
    int status = open_proc(watch, proc);
    if (status == VIT_OK)
        status = allocate(watch, bytes, n);
    if (status == VIT_OK)
        status = check(watch);
    if (status != VIT_OK)
        vit_page_watch_close(watch);
    return status;
}

void vit_page_watch_close(struct vit_page_watch *watch)
{
    if (watch->reserved)
        munmap(watch->reserved, watch->reserved_bytes);
    if (watch->smaps)
        fclose(watch->smaps);
    if (watch->clear_refs >= 0)
        close(watch->clear_refs);
    *watch = (struct vit_page_watch){.clear_refs = -1};
}
