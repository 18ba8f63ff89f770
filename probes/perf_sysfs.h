/* SPDX-License-Identifier: MIT */
/* perf_sysfs.h - names of events in the kernel's own words, as perf(1) takes them, turned into what perf_event_open
 * wants:
 *     task-clock, page-faults, context-switches, cpu-migrations     of the kernel
 *     cycles, instructions, cache-misses                            of the processor, generic
 *     r01b7                                                         of the processor, raw, hexadecimal
 *     amd_df/event=0x07,umask=0x38/   uncore_imc_?/cas_count_read/  of a PMU: fields by format/, names by events/
 * A PMU may be a pattern: all that match and have the event are counted and summed. The folder is read as untrusted
 * text. */
#pragma once

#include "probes/perf_format.h"

#define VIT_PERF_SYSFS "/sys/bus/event_source/devices"

/* One event of one PMU, on one processor. */
struct vit_perf_target {
    uint32_t type;
    uint64_t config[VIT_PERF_CONFIGS]; /* config, config1, config2 */
    int cpu;                           /* -1: any; counts per thread */
};

struct vit_perf_event {
    struct vit_perf_target *target; /* (n_target) to be summed */
    int n_target;
    bool uncore;  /* shared by several cores: cannot be asked for one thread; has cpus */
    bool modes;   /* can be told to leave out kernel mode */
    double scale; /* a count times this is in `unit`; 1 where the kernel names none */
    char unit[16];
};

/* VIT_ENOTSUP: no such PMU here; VIT_EINVAL: no such event, field or value; VIT_EFORMAT: the folder says what nobody
 * understands. On failure nothing is left to close. */
int vit_perf_event_find(struct vit_perf_event *event, const char *root, const char *name);
void vit_perf_event_close(struct vit_perf_event *event);
