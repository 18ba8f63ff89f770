/* SPDX-License-Identifier: MIT */
/* page_watch.h - memory of which the kernel tells how many pages were touched since a moment, by any thread of the
 * program: the referenced bits of its page table entries, cleared by /proc/self/clear_refs, counted by
 * /proc/self/smaps. Needs no privilege. The memory is cut into areas that share no page, never in huge pages. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { VIT_PAGE_AREAS = 12 };

struct vit_page_area {
    char *memory; /* starts a page; zeroed */
    size_t bytes; /* whole pages */
    int64_t touched;
};

struct vit_page_watch {
    size_t page_bytes;
    struct vit_page_area area[VIT_PAGE_AREAS];
    int n_area;
    char *reserved; /* all areas and the gaps between them */
    size_t reserved_bytes;
    int clear_refs;
    FILE *smaps;
};

/* Areas of at least bytes[i]; proc is "/proc/self". VIT_ENOTSUP where the kernel keeps no such bits, which is tried.
 * On failure nothing is left to close. */
int vit_page_watch_open(struct vit_page_watch *watch, const char *proc, const size_t *bytes, int n);
void vit_page_watch_close(struct vit_page_watch *watch);

/* From now on. No other thread may use the areas meanwhile. */
int vit_page_watch_start(struct vit_page_watch *watch);

/* Sets area[i].touched: bytes of the pages touched since start. */
int vit_page_watch_count(struct vit_page_watch *watch);
