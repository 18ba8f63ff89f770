/* SPDX-License-Identifier: MIT */
/* papi.c - events of papi_events.def around each step, summed over the threads that run the model. Events stay open and
 * running through a replay; a step costs two reads per thread. Events that do not fit the processor together are
 * counted in groups, one replay each, never multiplexed. One thread: a set of the calling thread. More: one set per
 * thread, attached by its number, since only reads of attached sets are right from another thread (PAPI reads the
 * counters of the own thread in user space). */
#include "probes/probe.h"

#include "model/base/parallel.h"
#include "model/base/status.h"
#include "probes/papi_library.h"
#include "probes/papi_survey.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct vit_column column[] = {
#define VIT_PAPI_EVENT(column, name, domain, stimulus, help) {#column, VIT_INT, "", help},
#include "probes/papi_events.def"
#undef VIT_PAPI_EVENT
};

enum { N_EVENTS = sizeof column / sizeof column[0] };

struct counters {
    struct vit_papi_finding finding[N_EVENTS];
    int group[N_EVENTS]; /* replay that counts the event; -1: not usable */
    int event[N_EVENTS]; /* columns of the running replay, in the order of its sets */
    int n_event;
    int *set; /* (n_set) running, one per thread */
    int n_set;
    long long before[N_EVENTS];
    bool read_failed; /* since begin */
    int failed_steps;
    char trouble[80]; /* what to say of them */
};

static int add_event(int set, const char *name)
{
    errno = 0;
    return vit_papi.PAPI_add_named_event(set, name);
}

static void destroy(int set)
{
    vit_papi.PAPI_cleanup_eventset(set);
    vit_papi.PAPI_destroy_eventset(&set);
}

/* Do the events of a group open and start together? */
static bool fits(const struct counters *c, int group)
{
    int set = PAPI_NULL;
    long long last[N_EVENTS];
    if (vit_papi.PAPI_create_eventset(&set) != PAPI_OK)
        return false;
    int status = PAPI_OK;
    for (int i = 0; i < N_EVENTS && status == PAPI_OK; i++)
        if (c->group[i] == group)
            status = add_event(set, c->finding[i].event);
    if (status == PAPI_OK)
        status = vit_papi.PAPI_start(set);
    if (status == PAPI_OK)
        status = vit_papi.PAPI_stop(set, last);
    destroy(set);
    return status == PAPI_OK;
}

/* Each usable event joins the newest group if it fits, else opens the next. Returns the number of groups. */
static int make_groups(struct counters *c)
{
    int groups = 0;
    for (int i = 0; i < N_EVENTS; i++)
        c->group[i] = -1;
    for (int i = 0; i < N_EVENTS; i++) {
        if (!c->finding[i].usable)
            continue;
        c->group[i] = groups ? groups - 1 : 0;
        if (groups == 0 || !fits(c, c->group[i]))
            c->group[i] = groups++;
    }
    return groups;
}

static int open_counters(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    (void)argument;
    (void)plan;
    struct counters *c = calloc(1, sizeof *c);
    if (!c)
        return vit_fail(VIT_ENOMEM, "out of memory: probe papi");
    vit_papi_survey(c->finding, N_EVENTS);
    probe->replays = make_groups(c);
    if (probe->replays == 0) {
        int status = vit_fail(VIT_ENOTSUP, "papi: %s; no event can be counted, %s the first", c->finding[0].reason,
                              c->finding[0].event);
        free(c);
        return status;
    }
    probe->state = c;
    return VIT_OK;
}

/* Every thread of the pool writes down its number: a piece that waits for the others keeps a thread from taking two. */
struct roll_call {
    int threads;
    atomic_int arrived;
    long *number;
};

static void answer(void *context, int64_t piece, int worker)
{
    (void)worker;
    struct roll_call *call = context;
    call->number[piece] = syscall(SYS_gettid);
    atomic_fetch_add(&call->arrived, 1);
    while (atomic_load(&call->arrived) < call->threads)
        sched_yield();
}

/* The events of one group for one thread, running. thread: its number, or 0 for the caller. */
static int open_set(struct counters *c, int group, long thread, int *result)
{
    int set = PAPI_NULL;
    int status = vit_papi.PAPI_create_eventset(&set);
    if (status == PAPI_OK)
        status = vit_papi.PAPI_assign_eventset_component(set, vit_papi.PAPI_get_component_index("perf_event"));
    errno = 0;
    if (status == PAPI_OK && thread != 0) {
        status = vit_papi.PAPI_attach(set, (unsigned long)thread);
        if (status != PAPI_OK) {
            int system_error = errno;
            destroy(set);
            return vit_fail(VIT_ENOTSUP,
                            "papi: cannot attach to the pool's threads: %s (%d, errno %d); PAPI needs the processor's "
                            "instruction counter for that: run with one thread",
                            vit_papi.PAPI_strerror(status), status, system_error);
        }
    }
    for (int i = 0; i < N_EVENTS && status == PAPI_OK; i++)
        if (c->group[i] == group)
            status = add_event(set, c->finding[i].event);
    if (status == PAPI_OK)
        status = vit_papi.PAPI_start(set);
    if (status == PAPI_OK) {
        *result = set;
        return VIT_OK;
    }
    int system_error = errno;
    destroy(set);
    return vit_fail(VIT_ENOTSUP, "papi: events opened one by one, but not for this run: %s (%d, errno %d)",
                    vit_papi.PAPI_strerror(status), status, system_error);
}

static void stop_counters(struct vit_probe *probe)
{
    struct counters *c = probe->state;
    long long last[N_EVENTS];
    if (c->failed_steps)
        snprintf(c->trouble, sizeof c->trouble, "%d steps could not be read", c->failed_steps);
    for (int i = 0; i < c->n_set; i++) {
        vit_papi.PAPI_stop(c->set[i], last);
        destroy(c->set[i]);
    }
    free(c->set);
    c->set = NULL;
    c->n_set = 0;
}

static int start_counters(struct vit_probe *probe, int replay, struct vit_parallel *pool)
{
    struct counters *c = probe->state;
    int threads = vit_parallel_threads(pool), status = VIT_OK;
    long *number = calloc((size_t)threads, sizeof *number);
    c->set = calloc((size_t)threads, sizeof *c->set);
    if (!number || !c->set)
        status = vit_fail(VIT_ENOMEM, "out of memory: probe papi, %d threads", threads);
    if (status == VIT_OK && threads > 1) {
        struct roll_call call = {.threads = threads, .number = number};
        vit_parallel_for(pool, threads, answer, &call);
    }
    c->n_event = 0;
    for (int i = 0; i < N_EVENTS; i++)
        if (c->group[i] == replay)
            c->event[c->n_event++] = i;
    for (c->n_set = 0; status == VIT_OK && c->n_set < threads; c->n_set += status == VIT_OK)
        status = open_set(c, replay, number[c->n_set], &c->set[c->n_set]);
    if (status != VIT_OK)
        stop_counters(probe);
    free(number);
    return status;
}

/* Sums over the threads; false if a read failed. */
static bool read_sets(const struct counters *c, long long *sum)
{
    long long value[N_EVENTS];
    for (int i = 0; i < c->n_event; i++)
        sum[i] = 0;
    for (int k = 0; k < c->n_set; k++) {
        if (vit_papi.PAPI_read(c->set[k], value) != PAPI_OK)
            return false;
        for (int i = 0; i < c->n_event; i++)
            sum[i] += value[i];
    }
    return true;
}

static void begin(void *self, const struct vit_step *step)
{
    (void)step;
    struct counters *c = ((struct vit_probe *)self)->state;
    c->read_failed = !read_sets(c, c->before);
}

static void end(void *self, const struct vit_step *step)
{
    struct vit_probe *probe = self;
    struct counters *c = probe->state;
    long long after[N_EVENTS];
    bool ok = read_sets(c, after) && !c->read_failed;
    int64_t *row = vit_probe_row(probe, step->index);
    c->failed_steps += !ok;
    for (int i = 0; i < c->n_event; i++)
        row[c->event[i]] = ok ? after[i] - c->before[i] : VIT_NO_SAMPLE;
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const int64_t *row = vit_probe_row(probe, step);
    for (int i = 0; i < N_EVENTS; i++)
        cell[i] = row[i] == VIT_NO_SAMPLE ? vit_absent() : vit_int(row[i]);
}

static const char *why(const struct vit_probe *probe, int index)
{
    const struct counters *c = probe->state;
    if (c->group[index] < 0)
        return c->finding[index].reason;
    return c->failed_steps ? c->trouble : NULL;
}

static void close_counters(struct vit_probe *probe)
{
    free(probe->state);
}

const struct vit_probe_def vit_probe_papi = {
    .name = "papi",
    .summary = "events of the processor and the kernel, through PAPI",
    .tier = VIT_TIER_MEASURED,
    .scope = VIT_SCOPE_THREADS,
    .source = "PAPI",
    .flags = VIT_PROBE_COUNTERS,
    .n_columns = N_EVENTS,
    .column = column,
    .open = open_counters,
    .start = start_counters,
    .stop = stop_counters,
    .begin = begin,
    .end = end,
    .read = read_step,
    .why = why,
    .close = close_counters,
};
