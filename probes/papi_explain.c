/* SPDX-License-Identifier: MIT */
/* papi_explain.c - from the codes of a failed call to a sentence: what is missing, and what would cure it. */
#include "probes/papi_library.h"
#include "probes/papi_survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *vit_papi_rung_name(enum vit_papi_rung rung)
{
    static const char *const name[] = {
#define X(id, text) [VIT_PAPI_RUNG_##id] = text,
        VIT_PAPI_RUNG_LIST(X)
#undef X
    };
    return name[rung];
}

static const char *text_of(int code)
{
    return vit_papi.PAPI_strerror ? vit_papi.PAPI_strerror(code) : "no libpapi to tell";
}

static const char no_counters[] =
    "this kernel exposes no processor counters (no cpu PMU in /sys/bus/event_source/devices)";

static void explain_component(struct vit_papi_finding *f, const struct vit_papi_system *system)
{
    const char *off = system->component_off;
    if (strstr(off, "paranoid"))
        snprintf(f->reason, sizeof f->reason,
                 "kernel.perf_event_paranoid=%d, and PAPI refuses that, up to version 7.2 also for root: `sysctl "
                 "kernel.perf_event_paranoid=2`",
                 system->paranoid);
    else if (strstr(off, "default PMU"))
        snprintf(f->reason, sizeof f->reason,
                 "PAPI %s does not know this processor; it says \"%s\" and counts nothing, kernel events neither: a "
                 "newer PAPI may know it%s%s",
                 vit_papi_version(), off, f->hardware && !system->cpu_pmu ? "; moreover " : "",
                 f->hardware && !system->cpu_pmu ? no_counters : "");
    else
        snprintf(f->reason, sizeof f->reason, "PAPI's perf_event component is off: %s", off);
}

static void explain_name(struct vit_papi_finding *f)
{
    snprintf(f->reason, sizeof f->reason, "PAPI %s has no %s for this processor: %s (%d)", vit_papi_version(), f->event,
             text_of(f->papi_code), f->papi_code);
}

/* What errno says of perf_event_open; NULL if nothing known. */
static const char *explain_errno(const struct vit_papi_finding *f, const struct vit_papi_system *system)
{
    switch (f->system_error) {
    case ENOENT:
        if (f->hardware && !system->cpu_pmu)
            return no_counters;
        return "the kernel has no such event on this processor";
    case EACCES:
        return "not permitted: needs kernel.perf_event_paranoid <= 2 or the capability CAP_PERFMON";
    case EPERM:
        return system->paranoid <= 2
                   ? "perf_event_open is blocked, probably by a container's seccomp profile: allow it, or add the "
                     "capability PERFMON"
                   : "not permitted: needs kernel.perf_event_paranoid <= 2 or the capability CAP_PERFMON";
    case ENOSYS:
        return "this sandbox or kernel has no perf_event_open";
    case EBUSY:
        return "the counters are in use by another tool (NMI watchdog, perf): stop it and retry";
    case EMFILE:
        return "too many open files: raise `ulimit -n`";
    default:
        return NULL;
    }
}

static void explain_open(struct vit_papi_finding *f, const struct vit_papi_system *system)
{
    const char *known = explain_errno(f, system);
    bool virtual_machine = known == no_counters && system->virtual_machine;
    if (f->failed == VIT_PAPI_RUNG_ADD && f->papi_code == PAPI_ENOEVNT && f->system_error == 0)
        explain_name(f); /* PAPI never asked the kernel */
    else if (known)
        snprintf(f->reason, sizeof f->reason, "%s%s", known,
                 virtual_machine ? ": a virtual machine without a virtual PMU; run on the host, or give the guest one"
                                 : "");
    else
        snprintf(f->reason, sizeof f->reason, "%s failed: %s (PAPI %d, errno %d)", vit_papi_rung_name(f->failed),
                 text_of(f->papi_code), f->papi_code, f->system_error);
    if (known && (f->system_error == EACCES || f->system_error == EPERM)) {
        size_t used = strlen(f->reason);
        snprintf(f->reason + used, sizeof f->reason - used, " (now paranoid=%d, uid %u)", system->paranoid,
                 system->uid);
    }
}

void vit_papi_explain(struct vit_papi_finding *f, const struct vit_papi_system *system)
{
    switch (f->failed) {
    case VIT_PAPI_RUNG_NONE:
        f->reason[0] = '\0';
        return;
    case VIT_PAPI_RUNG_LIBRARY:
        if (system->library_off && system->library_off[0])
            snprintf(f->reason, sizeof f->reason, "%s", system->library_off);
        else
            snprintf(f->reason, sizeof f->reason, "PAPI does not start: %s (%d)", text_of(f->papi_code), f->papi_code);
        return;
    case VIT_PAPI_RUNG_COMPONENT:
        explain_component(f, system);
        return;
    case VIT_PAPI_RUNG_NAME:
        explain_name(f);
        return;
    case VIT_PAPI_RUNG_ADVANCE:
        snprintf(f->reason, sizeof f->reason, "%s opens but %s under work that must move it (emulated or filtered PMU)",
                 f->event, f->advanced < 0 ? "runs backwards" : "never counts");
        return;
    case VIT_PAPI_RUNG_ADD:
    case VIT_PAPI_RUNG_START:
    case VIT_PAPI_RUNG_READ:
        explain_open(f, system);
        return;
    }
}
