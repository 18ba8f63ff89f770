/* SPDX-License-Identifier: MIT */
/* counter_tasks.h - the same events on every thread of the process, whoever started it: workers of libraries live from
 * before main on, where inheritance of counters does not reach them. */
#pragma once

#include "probes/counter.h"

struct vit_counter_tasks {
    const struct vit_counter_backend *backend;
    int n;
    struct vit_counter_task *task; /* (n) */
};

/* Opens the request's events on each task of the process (request->task 0), or once for the machine (-1). A thread that
 * ends meanwhile is left out; one that starts meanwhile is found. On failure nothing is left to close. */
int vit_counter_tasks_open(struct vit_counter_tasks *tasks, const struct vit_counter_backend *backend,
                           const struct vit_counter_request *request);

/* Sums over the tasks; hot. False: one could not be read. */
bool vit_counter_tasks_read(const struct vit_counter_tasks *tasks, struct vit_reading *sum, int n_event);
void vit_counter_tasks_close(struct vit_counter_tasks *tasks);

/* Can the backend count the request's events on another thread than the caller? Tried on one started for it. The
 * failure is PAPI's where it lacks the processor's instruction counter, which it wants for attaching. */
int vit_counter_tasks_try(const struct vit_counter_backend *backend, const struct vit_counter_request *request);

/* Threads that the process has now; 0 if that cannot be read. */
int vit_counter_tasks_now(void);
