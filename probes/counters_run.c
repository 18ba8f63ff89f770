/* SPDX-License-Identifier: MIT */
#include "probes/counters_run.h"

#include "model/base/status.h"
#include "probes/counter_survey.h"

#include <string.h>
#include <time.h>

/* Below this, what lies between reading two clocks is too large a share. */
enum { SHORTEST_CPU_NS = 200000 };

static double clock_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* A usable task clock; perf's if there is one, since PAPI runs only one set of events per thread. */
static const struct vit_counter_finding *find_clock(void)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    const struct vit_counter_finding *best = NULL;
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *f = &survey->finding[i];
        if (f->usable && strcmp(f->column, "task_clock_ns") == 0 &&
            (!best || strcmp(f->backend->name, vit_counter_perf.name) == 0))
            best = f;
    }
    return best;
}

int vit_run_watch_open(struct vit_run_watch *watch)
{
    *watch = (struct vit_run_watch){.clock = {.n = 0}};
    if (vit_counter_tasks_now() == 1)
        return VIT_OK;
    const struct vit_counter_finding *f = find_clock();
    if (!f)
        return vit_fail(VIT_ENOTSUP, "several threads run, and no task clock tells whether all are counted: run with "
                                     "one thread");
    const char *event = f->event;
    const struct vit_counter_request request = {.event = &event, .n = 1, .cpu = -1, .kernel = f->kernel};
    return vit_counter_tasks_open(&watch->clock, f->backend, &request);
}

static double counted(const struct vit_run_watch *watch)
{
    struct vit_reading reading;
    if (watch->clock.n == 0)
        return clock_of(CLOCK_THREAD_CPUTIME_ID);
    return vit_counter_tasks_read(&watch->clock, &reading, 1) ? (double)reading.value[0] : 0;
}

void vit_run_watch_begin(struct vit_run_watch *watch)
{
    getrusage(RUSAGE_SELF, &watch->usage);
    watch->counted_ns = counted(watch); /* what is counted spans what it is compared with */
    watch->cpu_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

struct vit_run_verdict vit_run_watch_end(struct vit_run_watch *watch)
{
    struct vit_run_verdict verdict = {.counted_share = 1};
    struct rusage usage;
    verdict.cpu_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID) - watch->cpu_ns;
    verdict.counted_ns = counted(watch) - watch->counted_ns;
    getrusage(RUSAGE_SELF, &usage);
    if (verdict.cpu_ns >= SHORTEST_CPU_NS)
        verdict.counted_share = verdict.counted_ns / verdict.cpu_ns;
    verdict.disturbed = usage.ru_nivcsw != watch->usage.ru_nivcsw || usage.ru_minflt != watch->usage.ru_minflt ||
                        usage.ru_majflt != watch->usage.ru_majflt;
    return verdict;
}

void vit_run_watch_close(struct vit_run_watch *watch)
{
    vit_counter_tasks_close(&watch->clock);
}
