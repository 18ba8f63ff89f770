/* SPDX-License-Identifier: MIT */
/* counter_explain.c - from the rung and the codes of a failed event to a sentence, what is missing, and to what would
 * cure it. */
#include "probes/counter_survey.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *vit_rung_name(enum vit_rung rung)
{
    static const char *const name[VIT_N_RUNGS] = {
#define X(id, text) [VIT_RUNG_##id] = text,
        VIT_RUNG_LIST(X)
#undef X
    };
    return name[rung];
}

static const char guest_cure[] = "run on the host, or give the guest a virtual PMU";
static const char capability_cure[] = "setcap cap_perfmon+ep on the program, or run as root";

#define REASON(f, ...) snprintf((f)->reason, sizeof(f)->reason, __VA_ARGS__)
#define CURE(f, ...) snprintf((f)->cure, sizeof(f)->cure, __VA_ARGS__)

static bool is_papi(const struct vit_counter_finding *f)
{
    return f->backend && strcmp(f->backend->name, vit_counter_papi.name) == 0;
}

/* Events of the kernel itself need no PMU; raw events have no quantity. */
static bool needs_pmu(const struct vit_counter_finding *f)
{
    const struct vit_quantity *quantity = vit_quantity_find(f->column);
    return !quantity || !quantity->kernel;
}

static void explain_no_counters(struct vit_counter_finding *f, const struct vit_counter_system *system)
{
    REASON(f, "this kernel exposes no CPU counters (%s)",
           system->virtual_machine ? "virtual machine" : "no cpu PMU in /sys/bus/event_source/devices");
    CURE(f, "%s", system->virtual_machine ? guest_cure : "a kernel with the processor's PMU driver");
}

/* Which setting lets this process count this event. */
static void explain_permission(struct vit_counter_finding *f, const struct vit_counter_system *system)
{
    const struct vit_quantity *quantity = vit_quantity_find(f->column);
    int needed = f->scope != VIT_SCOPE_THREADS ? 0 : quantity && quantity->kernel && f->kernel ? 1 : 2;
    if (system->perfmon || system->paranoid <= needed) {
        REASON(f, "perf_event_open is blocked, probably by a container's seccomp profile (paranoid=%d, uid %u)",
               system->paranoid, system->uid);
        CURE(f, "allow it in the profile, or add the capability PERFMON: --cap-add PERFMON");
        return;
    }
    REASON(
        f,
        "not permitted: needs kernel.perf_event_paranoid <= %d or the capability CAP_PERFMON (now paranoid=%d, uid %u)",
        needed, system->paranoid, system->uid);
    CURE(f, "sysctl kernel.perf_event_paranoid=%d, or %s", needed, capability_cure);
}

static void explain_library(struct vit_counter_finding *f, const struct vit_counter_system *system, const char *detail)
{
    REASON(f, "%s", detail);
    if (is_papi(f) && strstr(detail, "not installed"))
        CURE(f, "apt-get install libpapi%s; perf counts the same meanwhile", vit_papi_soname() + strlen("libpapi.so."));
    else if (!is_papi(f) && strstr(detail, "not permitted"))
        explain_permission(f, system);
}

static void explain_component(struct vit_counter_finding *f, const struct vit_counter_system *system,
                              const char *detail)
{
    if (is_papi(f) && strstr(detail, "paranoid")) {
        REASON(f, "kernel.perf_event_paranoid=%d, and PAPI refuses that, up to version 7.2 also for root",
               system->paranoid);
        CURE(f, "sysctl kernel.perf_event_paranoid=2");
    } else if (is_papi(f) && strstr(detail, "default PMU")) {
        REASON(f, "PAPI %s does not know this processor; it says \"%.80s\" and counts nothing, kernel events neither",
               vit_papi_version(), detail);
        CURE(f, "a newer PAPI may know it; perf counts by the kernel's own names meanwhile");
    } else if (is_papi(f)) {
        REASON(f, "PAPI's perf_event component is off: %s", detail);
    } else if (needs_pmu(f) && f->scope == VIT_SCOPE_THREADS && !system->cpu_pmu) {
        explain_no_counters(f, system);
    } else {
        REASON(f, "%s", detail);
        if (system->virtual_machine)
            CURE(f, "%s", guest_cure);
        else
            CURE(f, "modprobe %s",
                 strncmp(f->event, "amd_", 4) == 0      ? "amd_uncore"
                 : strncmp(f->event, "arm_cmn", 7) == 0 ? "arm-cmn"
                                                        : "intel_uncore");
    }
}

static void explain_name(struct vit_counter_finding *f, const char *detail)
{
    if (is_papi(f))
        REASON(f, "PAPI %s has no %.160s for this processor: %.80s (%d)", vit_papi_version(), f->event, detail,
               f->code);
    else
        REASON(f, "%s", detail);
}

/* ADD, START and READ: what errno says of perf_event_open. */
static void explain_open(struct vit_counter_finding *f, const struct vit_counter_system *system, const char *detail)
{
    static const struct {
        int error;
        const char *reason, *cure;
    } known[] = {
        {ENOENT, "the kernel has no such event on this processor", ""},
        {ENODEV, "the processor lacks what the event needs", ""},
        {EOPNOTSUPP, "the PMU cannot count in this way", ""},
        {EINVAL, "the PMU refuses the event, or its events do not fit the counters together", ""},
        {ENOSYS, "this sandbox or kernel has no perf_event_open", "run outside the sandbox"},
        {EBUSY, "the counters are in use by another tool (NMI watchdog, perf)",
         "stop it (`sysctl kernel.nmi_watchdog=0`) and retry"},
        {EMFILE, "too many open files", "raise `ulimit -n`"},
        {ESRCH, "the thread is gone", ""},
    };
    if (f->system_error == ENOENT && needs_pmu(f) && !system->cpu_pmu) {
        explain_no_counters(f, system);
        return;
    }
    if (f->system_error == EACCES || f->system_error == EPERM) {
        explain_permission(f, system);
        return;
    }
    if (is_papi(f) && f->failed == VIT_RUNG_ADD && f->system_error == 0 && strstr(detail, "not exist")) {
        explain_name(f, detail); /* PAPI never asked the kernel */
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].error != f->system_error)
            continue;
        REASON(f, "%s", known[i].reason);
        CURE(f, "%s", known[i].cure);
        return;
    }
    REASON(f, "%s failed: %s (%s %d, errno %d)", vit_rung_name(f->failed), detail, f->backend ? f->backend->name : "",
           f->code, f->system_error);
}

static void explain_advance(struct vit_counter_finding *f)
{
    const struct vit_quantity *quantity = vit_quantity_find(f->column);
    if (f->counted == 0 && quantity && quantity->kernel && !f->kernel) {
        REASON(f, "only user mode may be counted here, and this event happens in the kernel");
        CURE(f, "sysctl kernel.perf_event_paranoid=1, or %s", capability_cure);
        return;
    }
    REASON(f, "opens but %s under work that must move it (emulated or filtered PMU); ignored",
           f->counted < 0 ? "runs backwards" : "never counts");
}

static void explain_calibration(struct vit_counter_finding *f)
{
    double bytes = (double)f->counted * f->bytes;
    REASON(f, "counted %.1f MB for a stream of %.1f MB (x%.2f): it means something else here; ignored", bytes / 1e6,
           bytes / f->calibration / 1e6, f->calibration);
}

void vit_counter_explain(struct vit_counter_finding *f, const struct vit_counter_system *system, const char *detail)
{
    f->reason[0] = f->cure[0] = '\0';
    switch (f->failed) {
    case VIT_RUNG_LIBRARY:
        explain_library(f, system, detail);
        return;
    case VIT_RUNG_COMPONENT:
        explain_component(f, system, detail);
        return;
    case VIT_RUNG_NAME:
        explain_name(f, detail);
        return;
    case VIT_RUNG_ADD:
    case VIT_RUNG_START:
    case VIT_RUNG_READ:
        explain_open(f, system, detail);
        return;
    case VIT_RUNG_ADVANCE:
        explain_advance(f);
        return;
    case VIT_RUNG_CALIBRATE:
        explain_calibration(f);
        return;
    case VIT_RUNG_NONE:
    case VIT_N_RUNGS:
        return;
    }
}

/* Adds the columns that are counted, or are not, to a list. */
static int list_columns(const struct vit_counter_survey *s, bool kernel, char *text, size_t size)
{
    int n = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int q = 0; q < vit_n_quantities; q++) {
        const struct vit_quantity *quantity = &vit_quantity_table[q];
        if (quantity->kernel != kernel || !vit_counter_chosen(s, quantity->column))
            continue;
        int written = snprintf(text + used, size - used, "%s%s", n ? ", " : "", quantity->column);
        used += written > 0 && (size_t)written < size - used ? (size_t)written : 0;
        n++;
    }
    return n;
}

/* The reason of the event of the processor that got furthest. */
static const struct vit_counter_finding *furthest(const struct vit_counter_survey *s)
{
    const struct vit_counter_finding *best = NULL;
    for (int i = 0; i < s->n; i++)
        if (needs_pmu(&s->finding[i]) && (!best || s->finding[i].failed > best->failed))
            best = &s->finding[i];
    return best;
}

void vit_counter_verdict(struct vit_counter_survey *s)
{
    char hardware[320], software[128];
    int n_hardware = list_columns(s, false, hardware, sizeof hardware);
    int n_software = list_columns(s, true, software, sizeof software);
    const struct vit_counter_finding *f = n_hardware ? NULL : furthest(s);
    if (n_hardware)
        snprintf(s->verdict, sizeof s->verdict, "measured: %s; of the kernel: %s", hardware,
                 n_software ? software : "nothing");
    else
        snprintf(s->verdict, sizeof s->verdict, "measured: n/a - %s%s%s; of the kernel: %s",
                 f ? f->reason : "no backend counts anything", f && f->cure[0] ? ": " : "", f ? f->cure : "",
                 n_software ? software : "nothing");
}
