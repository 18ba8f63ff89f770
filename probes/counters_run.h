/* SPDX-License-Identifier: MIT */
/* counters_run.h - watches one run from outside its steps: were all threads of the process counted, and did anything
 * disturb it? */
#pragma once

#include "probes/counter_tasks.h"

#include <sys/resource.h>

/* Less of the process's CPU time than this was counted: a thread has no counters. */
#define VIT_COUNTED_SHARE 0.95

struct vit_run_watch {
    struct vit_counter_tasks clock; /* the kernel's task clock on every thread; n 0: there is but one thread */
    struct rusage usage;
    double counted_ns, cpu_ns; /* when the run began */
};

struct vit_run_verdict {
    bool disturbed;                           /* switched off its processor against its will, or a page fault */
    double counted_share, counted_ns, cpu_ns; /* share 1: too short to tell */
};

/* VIT_ENOTSUP: there are several threads, and no task clock to check that they are counted. */
int vit_run_watch_open(struct vit_run_watch *watch);
void vit_run_watch_begin(struct vit_run_watch *watch);
struct vit_run_verdict vit_run_watch_end(struct vit_run_watch *watch);
void vit_run_watch_close(struct vit_run_watch *watch);
