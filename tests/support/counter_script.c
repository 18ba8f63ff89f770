/* SPDX-License-Identifier: MIT */
#include "tests/support/counter_script.h"

#include "model/base/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct counter_script counter_script_papi, counter_script_perf;

struct vit_counting {
    struct counter_script *script;
    const struct counter_line *line[VIT_COUNTER_EVENTS];
    uint64_t value[VIT_COUNTER_EVENTS];
    int n;
    bool own; /* counts the calling thread */
    uint64_t enabled_ns;
};

static const struct counter_line *find(const struct counter_script *script, const char *event)
{
    for (int i = 0; i < script->n_line; i++)
        if (!script->line[i].event || strcmp(script->line[i].event, event) == 0)
            return &script->line[i];
    return NULL;
}

static int fail(struct vit_attempt *attempt, const struct counter_line *line)
{
    *attempt = (struct vit_attempt){.failed = line->failed, .code = line->code, .system_error = line->error};
    strncpy(attempt->detail, line->detail ? line->detail : "scripted", sizeof attempt->detail - 1);
    return vit_fail(VIT_ENOTSUP, "%s", attempt->detail);
}

static int open_scripted(struct counter_script *script, struct vit_counting **result,
                         const struct vit_counter_request *request, struct vit_attempt *attempt)
{
    static const struct counter_line missing = {.failed = VIT_RUNG_LIBRARY, .detail = "not installed (scripted)"},
                                     unknown = {.failed = VIT_RUNG_NAME, .code = -7},
                                     crowded = {.failed = VIT_RUNG_ADD, .error = EINVAL},
                                     forbidden = {.failed = VIT_RUNG_ADD, .error = EACCES};
    const struct counter_line gone = {.failed = VIT_RUNG_ADD, .error = script->attach};
    struct vit_counting counting = {
        .script = script, .n = request->n, .own = request->task <= 0 || request->task == (pid_t)syscall(SYS_gettid)};
    *attempt = (struct vit_attempt){.failed = VIT_RUNG_NONE};
    if (script->library_missing)
        return fail(attempt, &missing);
    for (int i = 0; i < request->n; i++) {
        const struct counter_line *line = find(script, request->event[i]);
        if (!line || line->failed)
            return fail(attempt, line ? line : &unknown);
        if (line->user_only && request->kernel)
            return fail(attempt, &forbidden);
        counting.line[i] = line;
        counting.value[i] = 1000000;
    }
    if (script->together && request->n > script->together)
        return fail(attempt, &crowded);
    if (script->attach && request->task > 0)
        return fail(attempt, &gone);
    *result = malloc(sizeof **result);
    if (!*result)
        return vit_fail(VIT_ENOMEM, "out of memory");
    **result = counting;
    script->opened++;
    return VIT_OK;
}

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static bool read_scripted(struct vit_counting *counting, struct vit_reading *reading)
{
    double share = counting->script->share > 0 ? counting->script->share : 1;
    for (int i = 0; i < counting->n; i++) {
        const struct counter_line *line = counting->line[i];
        if (line->course == COURSE_STEADY)
            counting->value[i] += (uint64_t)line->step - counting->script->jump;
        else if (counting->own)
            counting->value[i] =
                cpu_ns(line->course == COURSE_CPU_PROCESS ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID);
        reading->value[i] = counting->value[i];
    }
    counting->script->jump = 0;
    counting->enabled_ns += 100000;
    reading->enabled_ns = counting->enabled_ns;
    reading->running_ns = (uint64_t)(share * (double)counting->enabled_ns);
    return true;
}

static void close_scripted(struct vit_counting *counting)
{
    counting->script->closed++;
    free(counting);
}

static int load_scripted(void)
{
    return VIT_OK;
}

static int open_papi(struct vit_counting **result, const struct vit_counter_request *request,
                     struct vit_attempt *attempt)
{
    return open_scripted(&counter_script_papi, result, request, attempt);
}

static int open_perf(struct vit_counting **result, const struct vit_counter_request *request,
                     struct vit_attempt *attempt)
{
    return open_scripted(&counter_script_perf, result, request, attempt);
}

const struct vit_counter_backend counter_scripted_papi = {"PAPI", load_scripted, open_papi, read_scripted,
                                                          close_scripted};
const struct vit_counter_backend counter_scripted_perf = {"perf", load_scripted, open_perf, read_scripted,
                                                          close_scripted};
