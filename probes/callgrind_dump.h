/* SPDX-License-Identifier: MIT */
/* callgrind_dump.h - reads what callgrind writes for one CALLGRIND_DUMP_STATS_AT. */
#pragma once

#include <stdint.h>

enum { VIT_CALLGRIND_TRIGGER = 256 };

struct vit_callgrind_dump {
    char creator[64];                    /* "callgrind-3.19.0" */
    char trigger[VIT_CALLGRIND_TRIGGER]; /* the text that the client gave */
    int64_t instructions;
    int64_t d1_misses, ll_misses; /* of data: reads and writes */
};

/* VIT_EFORMAT names the file: no dump, not one that a client asked for, without cache simulation, or cut short. */
int vit_callgrind_dump_read(struct vit_callgrind_dump *dump, const char *path);
