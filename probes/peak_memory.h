/* SPDX-License-Identifier: MIT */
/* peak_memory.h - the most memory that this process had resident at once, as Linux counts it. */
#pragma once

#include <stdint.h>

/* Lets the count begin anew at what is resident now: clear_refs of the process ("5"). VIT_ENOTSUP where the kernel has
 * none. */
int vit_peak_memory_reset(void);

/* Bytes: VmHWM of /proc/self/status. -1 where that cannot be read. */
int64_t vit_peak_memory_bytes(void);
