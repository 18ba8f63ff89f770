/* SPDX-License-Identifier: MIT */
/* counter_papi.c - events counted through PAPI. Its names mean something only after the kernel opened them; its
 * look-ups and component lists say yes on machines where nothing opens. PAPI cannot tell whether events were
 * multiplexed, so events that do not fit the processor together fail to open. */
#include "probes/counter.h"

#include "model/base/status.h"
#include "probes/papi_library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vit_counting {
    int set, n;
    bool running;
};

static int fail(struct vit_attempt *attempt, enum vit_rung rung, int code, int system_error)
{
    attempt->failed = rung;
    attempt->code = code;
    attempt->system_error = system_error;
    snprintf(attempt->detail, sizeof attempt->detail, "%s", vit_papi.PAPI_strerror(code));
    return vit_fail(VIT_ENOTSUP, "PAPI: %s failed: %s (%d, errno %d)", vit_rung_name(rung), attempt->detail, code,
                    system_error);
}

static int fail_component(struct vit_attempt *attempt, const char *why)
{
    *attempt = (struct vit_attempt){.failed = VIT_RUNG_COMPONENT, .code = PAPI_ECMP_DISABLED};
    snprintf(attempt->detail, sizeof attempt->detail, "%.255s", why);
    return vit_fail(VIT_ENOTSUP, "PAPI: perf_event is off: %s", why);
}

/* PAPI's words on why a component counts nothing; NULL: it is on. */
static const char *component_off(int component)
{
    const PAPI_component_info_t *info = component < 0 ? NULL : vit_papi.PAPI_get_component_info(component);
    if (!info)
        return "not compiled in";
    return info->disabled ? info->disabled_reason : NULL;
}

/* Modes are said with the event: with the set, PAPI first tries an event that many machines lack. */
static void full_name(char *name, size_t size, const char *event, bool kernel)
{
    snprintf(name, size, "%s%s", event, kernel && strstr(event, "::") ? ":u=1:k=1" : "");
}

static int find_code(int *code, const char *event, const struct vit_counter_request *request,
                     struct vit_attempt *attempt)
{
    char name[256];
    full_name(name, sizeof name, event, request->kernel);
    int status = vit_papi.PAPI_event_name_to_code(name, code);
    if (status != PAPI_OK) /* the first look-up of an event can fail where the second does not */
        status = vit_papi.PAPI_event_name_to_code(name, code);
    int component =
        status == PAPI_OK ? vit_papi.PAPI_get_event_component(*code) : vit_papi.PAPI_get_component_index("perf_event");
    const char *off = component_off(component);
    if (off)
        return fail_component(attempt, off);
    return status == PAPI_OK ? VIT_OK : fail(attempt, VIT_RUNG_NAME, status, 0);
}

static void close_papi(struct vit_counting *counting)
{
    long long last[VIT_COUNTER_EVENTS];
    if (!counting)
        return;
    if (counting->running)
        vit_papi.PAPI_stop(counting->set, last);
    if (counting->set != PAPI_NULL) {
        vit_papi.PAPI_cleanup_eventset(counting->set);
        vit_papi.PAPI_destroy_eventset(&counting->set);
    }
    free(counting);
}

static int fill_set(struct vit_counting *counting, const struct vit_counter_request *request,
                    struct vit_attempt *attempt)
{
    int code[VIT_COUNTER_EVENTS];
    for (int i = 0; i < request->n; i++) {
        int found = find_code(&code[i], request->event[i], request, attempt);
        if (found != VIT_OK)
            return found;
    }
    errno = 0;
    int status = vit_papi.PAPI_create_eventset(&counting->set);
    if (status == PAPI_OK && request->task > 0) {
        status = vit_papi.PAPI_assign_eventset_component(counting->set, vit_papi.PAPI_get_event_component(code[0]));
        if (status == PAPI_OK)
            status = vit_papi.PAPI_attach(counting->set, (unsigned long)request->task);
    }
    for (int i = 0; i < request->n && status == PAPI_OK; i++) {
        errno = 0;
        status = vit_papi.PAPI_add_event(counting->set, code[i]);
    }
    if (status != PAPI_OK)
        return fail(attempt, VIT_RUNG_ADD, status, errno);
    errno = 0;
    status = vit_papi.PAPI_start(counting->set);
    if (status != PAPI_OK)
        return fail(attempt, VIT_RUNG_START, status, errno);
    counting->running = true;
    return VIT_OK;
}

static int open_papi(struct vit_counting **result, const struct vit_counter_request *request,
                     struct vit_attempt *attempt)
{
    *result = NULL;
    *attempt = (struct vit_attempt){.failed = VIT_RUNG_NONE};
    if (request->n < 1 || request->n > VIT_COUNTER_EVENTS)
        return vit_fail(VIT_EINVAL, "PAPI: %d events, between 1 and %d can be counted together", request->n,
                        VIT_COUNTER_EVENTS);
    int status = vit_papi_library_open();
    if (status != VIT_OK) {
        attempt->failed = VIT_RUNG_LIBRARY;
        snprintf(attempt->detail, sizeof attempt->detail, "%s", vit_error());
        return status;
    }
    struct vit_counting *counting = calloc(1, sizeof *counting);
    if (!counting)
        return vit_fail(VIT_ENOMEM, "out of memory: events of PAPI");
    *counting = (struct vit_counting){.set = PAPI_NULL, .n = request->n};
    status = fill_set(counting, request, attempt);
    if (status != VIT_OK) {
        close_papi(counting);
        return status;
    }
    *result = counting;
    return VIT_OK;
}

static bool read_papi(struct vit_counting *counting, struct vit_reading *reading)
{
    long long value[VIT_COUNTER_EVENTS];
    if (vit_papi.PAPI_read(counting->set, value) != PAPI_OK)
        return false;
    for (int i = 0; i < counting->n; i++)
        reading->value[i] = (uint64_t)value[i];
    reading->enabled_ns = reading->running_ns = 0;
    return true;
}

const struct vit_counter_backend vit_counter_papi = {
    .name = "PAPI",
    .load = vit_papi_library_open,
    .open = open_papi,
    .read = read_papi,
    .close = close_papi,
};
