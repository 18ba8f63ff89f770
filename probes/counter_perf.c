/* SPDX-License-Identifier: MIT */
/* counter_perf.c - events counted with perf_event_open, without a library. Events of one thread form one group, which
 * the kernel puts on the counters as a whole or not at all; uncore events form a group for each PMU and processor of
 * its cpumask, and their counts are summed. Groups stay open and running; a reading is one read() per group. */
#include "probes/counter_perf.h"

#include "model/base/status.h"
#include "probes/perf_sysfs.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Events that the kernel counts together: those of one thread, or of one PMU on one processor. */
struct group {
    bool uncore;
    uint32_t type; /* of uncore groups */
    int cpu;
    int n;
    int fd[VIT_COUNTER_EVENTS];    /* the first is the leader */
    int event[VIT_COUNTER_EVENTS]; /* of the request */
};

struct vit_counting {
    int n_event;
    int n_group;
    struct group *group;
};

/* What an errno of perf_event_open means, in words that help. */
static const char *explain(int error)
{
    static const struct {
        int error;
        const char *words;
    } known[] = {
        {ENOENT, "this kernel has no such counter here (none are passed to most virtual machines)"},
        {ENOSYS, "this kernel or sandbox has no perf_event_open"},
        {EACCES, "not permitted: needs a lower kernel.perf_event_paranoid or CAP_PERFMON"},
        {EPERM, "not permitted: blocked by the container's seccomp profile, or CAP_PERFMON is missing"},
        {EBUSY, "another program holds the counter"},
        {EMFILE, "too many open files: raise ulimit -n"},
        {ENODEV, "the processor does not have what the event needs"},
        {EOPNOTSUPP, "the PMU does not support this way of counting"},
        {EINVAL, "the PMU refuses the event, or the events do not fit its counters together"},
        {ESRCH, "the thread is gone"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].error == error)
            return known[i].words;
    return strerror(error);
}

static int fail(struct vit_attempt *attempt, enum vit_rung rung, int error, const char *event)
{
    attempt->failed = rung;
    attempt->system_error = error;
    snprintf(attempt->detail, sizeof attempt->detail, "%s", explain(error));
    return vit_fail(VIT_ENOTSUP, "event %s: %s (%s)", event, attempt->detail, strerror(error));
}

/* A failure that has its message already. */
static int fail_found(struct vit_attempt *attempt, enum vit_rung rung, int status)
{
    attempt->failed = rung;
    snprintf(attempt->detail, sizeof attempt->detail, "%s", vit_error());
    return status == VIT_ENOMEM ? status : vit_fail(VIT_ENOTSUP, "%s", attempt->detail);
}

static int open_event(struct perf_event_attr *attr, pid_t task, int cpu, int leader)
{
    attr->size = sizeof *attr;
    attr->read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    attr->disabled = leader < 0;
    return (int)syscall(SYS_perf_event_open, attr, task, cpu, leader, (unsigned long)PERF_FLAG_FD_CLOEXEC);
}

static int load_perf(void)
{
    static int known = 1;
    static char reason[160];
    if (known == 1) {
        struct perf_event_attr attr = {
            .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1, .exclude_hv = 1};
        int fd = open_event(&attr, 0, -1, -1);
        if (fd < 0)
            snprintf(reason, sizeof reason, "%s", explain(errno));
        else
            close(fd);
        known = fd < 0 ? VIT_ENOTSUP : VIT_OK;
    }
    return known == VIT_OK ? VIT_OK : vit_fail(known, "perf_event_open: %s", reason);
}

/* The group that an event on this target joins: an open one with the same key and room, or a new one. */
static struct group *join_group(struct vit_counting *counting, const struct group *key)
{
    for (int i = 0; i < counting->n_group; i++) {
        struct group *g = &counting->group[i];
        if (g->uncore == key->uncore && g->type == key->type && g->cpu == key->cpu && g->n < VIT_COUNTER_EVENTS)
            return g;
    }
    struct group *group = realloc(counting->group, ((size_t)counting->n_group + 1) * sizeof *group);
    if (!group)
        return NULL;
    counting->group = group;
    group[counting->n_group] = *key;
    return &group[counting->n_group++];
}

static int open_target(struct vit_counting *counting, const struct vit_counter_request *request,
                       const struct vit_perf_event *event, const struct vit_perf_target *target)
{
    struct perf_event_attr attr = {.type = target->type,
                                   .config = target->config[0],
                                   .config1 = target->config[1],
                                   .config2 = target->config[2],
                                   .exclude_kernel = event->modes && !request->kernel,
                                   .exclude_hv = event->modes && !request->kernel};
    struct group key = {.uncore = event->uncore, .cpu = request->task < 0 ? request->cpu : -1};
    if (event->uncore) {
        key.type = target->type;
        key.cpu = request->cpu >= 0 ? request->cpu : target->cpu;
    }
    struct group *group = join_group(counting, &key);
    if (!group)
        return ENOMEM;
    int fd = open_event(&attr, request->task, key.cpu, group->n ? group->fd[0] : -1);
    if (fd < 0)
        return errno;
    group->event[group->n] = counting->n_event;
    group->fd[group->n++] = fd;
    return 0;
}

/* All targets of the request's next event. */
static int open_next(struct vit_counting *counting, const struct vit_counter_request *request,
                     struct vit_attempt *attempt, const char *root)
{
    const char *name = request->event[counting->n_event];
    struct vit_perf_event event;
    int status = vit_perf_event_find(&event, root, name), error = 0;
    if (status != VIT_OK)
        return fail_found(attempt, status == VIT_ENOTSUP ? VIT_RUNG_COMPONENT : VIT_RUNG_NAME, status);
    if (event.uncore && request->task >= 0)
        status = vit_fail(VIT_ENOTSUP, "event %s: counts what all cores of its PMU do, not one thread", name);
    else if (!event.uncore && request->task < 0 && request->cpu < 0)
        status = vit_fail(VIT_ENOTSUP, "event %s: its PMU has no cpumask; name a thread or a processor", name);
    if (status != VIT_OK) {
        fail_found(attempt, VIT_RUNG_ADD, status);
        attempt->system_error = EINVAL;
    }
    /* With a processor named, each PMU counts there once, however many its cpumask has. */
    for (int i = 0; i < event.n_target && status == VIT_OK && error == 0; i++)
        if (request->cpu < 0 || i == 0 || event.target[i].type != event.target[i - 1].type)
            error = open_target(counting, request, &event, &event.target[i]);
    counting->n_event++;
    vit_perf_event_close(&event);
    if (error == ENOMEM)
        return vit_fail(VIT_ENOMEM, "out of memory: event %s", name);
    return error ? fail(attempt, VIT_RUNG_ADD, error, name) : status;
}

static bool read_perf(struct vit_counting *counting, struct vit_reading *reading)
{
    struct {
        uint64_t n, enabled_ns, running_ns, value[VIT_COUNTER_EVENTS];
    } in;
    memset(reading, 0, sizeof *reading);
    for (int i = 0; i < counting->n_group; i++) {
        const struct group *g = &counting->group[i];
        ssize_t bytes = (ssize_t)((3 + (size_t)g->n) * sizeof(uint64_t));
        if (read(g->fd[0], &in, sizeof in) != bytes || in.n != (uint64_t)g->n)
            return false;
        for (int k = 0; k < g->n; k++)
            reading->value[g->event[k]] += in.value[k];
        /* Of the group that was off the counters for the largest share. */
        if (i == 0 ||
            (double)in.running_ns * (double)reading->enabled_ns < (double)reading->running_ns * (double)in.enabled_ns) {
            reading->enabled_ns = in.enabled_ns;
            reading->running_ns = in.running_ns;
        }
    }
    return true;
}

static void close_perf(struct vit_counting *counting)
{
    if (!counting)
        return;
    for (int i = 0; i < counting->n_group; i++)
        for (int k = counting->group[i].n; k-- > 0;)
            close(counting->group[i].fd[k]);
    free(counting->group);
    free(counting);
}

/* Starts all groups, and sees that each can be read and is on the counters. */
static int start(struct vit_counting *counting, const struct vit_counter_request *request, struct vit_attempt *attempt)
{
    struct vit_reading reading;
    for (int i = 0; i < counting->n_group; i++)
        if (ioctl(counting->group[i].fd[0], PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP) != 0)
            return fail(attempt, VIT_RUNG_START, errno, request->event[counting->group[i].event[0]]);
    errno = 0;
    if (!read_perf(counting, &reading))
        return fail(attempt, VIT_RUNG_READ, errno ? errno : EIO, request->event[0]);
    /* A group can open and still never get counters, where the kernel's watchdog or another tool keeps one. */
    if (reading.enabled_ns > 0 && reading.running_ns == 0)
        return fail(attempt, VIT_RUNG_START, EBUSY, request->event[0]);
    return VIT_OK;
}

int vit_counter_perf_open(struct vit_counting **result, const struct vit_counter_request *request,
                          struct vit_attempt *attempt, const char *root)
{
    *result = NULL;
    *attempt = (struct vit_attempt){.failed = VIT_RUNG_NONE};
    if (request->n < 1 || request->n > VIT_COUNTER_EVENTS)
        return vit_fail(VIT_EINVAL, "perf: %d events, between 1 and %d can be counted together", request->n,
                        VIT_COUNTER_EVENTS);
    struct vit_counting *counting = calloc(1, sizeof *counting);
    if (!counting)
        return vit_fail(VIT_ENOMEM, "out of memory: events of perf");
    int status = VIT_OK;
    while (counting->n_event < request->n && status == VIT_OK)
        status = open_next(counting, request, attempt, root);
    if (status == VIT_OK)
        status = start(counting, request, attempt);
    if (status != VIT_OK) {
        close_perf(counting);
        return status;
    }
    *result = counting;
    return VIT_OK;
}

static int open_perf(struct vit_counting **result, const struct vit_counter_request *request,
                     struct vit_attempt *attempt)
{
    int status = load_perf();
    if (status != VIT_OK) {
        *attempt = (struct vit_attempt){0};
        return fail_found(attempt, VIT_RUNG_LIBRARY, status);
    }
    return vit_counter_perf_open(result, request, attempt, VIT_PERF_SYSFS);
}

const struct vit_counter_backend vit_counter_perf = {
    .name = "perf",
    .load = load_perf,
    .open = open_perf,
    .read = read_perf,
    .close = close_perf,
};
