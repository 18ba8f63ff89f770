/* SPDX-License-Identifier: MIT */
/* memory_block.h - large blocks of memory that live as long as their owner: aligned to cache lines, on huge pages where
 * the kernel has them (fewer TLB misses, and steadier times). */
#pragma once

#include <stddef.h>

/* Not cleared; to be freed. `what` is told when there is not enough: "out of memory: 3.5 MiB of WHAT". No bytes: NULL.
 */
int vit_memory_block(void **memory, size_t bytes, const char *what);
