/* SPDX-License-Identifier: MIT */
/* doctor_counters.c - what vitscope doctor says of counters: permissions, backends, every quantity. */
#include "analysis/doctor.h"

#include "model/base/status.h"

#include <math.h>
#include <string.h>

static void check_permissions(struct vit_doctor *doctor)
{
    const struct vit_counter_system *s = &vit_counter_survey()->system;
    bool free_hand = s->perfmon || s->paranoid <= 0;
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", "permissions",
                                                  free_hand          ? VIT_HEALTH_WORKS
                                                  : s->paranoid <= 2 ? VIT_HEALTH_LIMITED
                                                                     : VIT_HEALTH_ABSENT);
    vit_doctor_say(f, "kernel.perf_event_paranoid=%d, user %u, %s CAP_PERFMON%s", s->paranoid, s->uid,
                   s->perfmon ? "with" : "without",
                   free_hand          ? ": all events may be opened"
                   : s->paranoid <= 2 ? ": events of own threads in user mode, none of the socket"
                                      : ": no event may be opened");
    if (!free_hand)
        vit_doctor_cure(f, "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on the program");
    if (!s->cpu_pmu) {
        f = vit_doctor_add(doctor, "counters", "PMU", VIT_HEALTH_ABSENT);
        vit_doctor_say(f, "the kernel shows no counters of the processor in /sys/bus/event_source/devices%s",
                       s->virtual_machine ? " (a virtual machine without a virtual PMU)" : "");
        vit_doctor_cure(f, s->virtual_machine ? "run on the host, or give the guest a PMU (QEMU/KVM: -cpu host,pmu=on)"
                                              : "");
    }
}

/* A library that starts may still count nothing: its events tell. */
static void check_backend(struct vit_doctor *doctor, const struct vit_counter_backend *backend)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", backend->name, VIT_HEALTH_ABSENT);
    const struct vit_counter_finding *best = NULL;
    int tried = 0, usable = 0;
    if (backend->load() != VIT_OK) {
        vit_doctor_say(f, "%s", vit_error());
        return;
    }
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        if (c->backend != backend)
            continue;
        tried++;
        usable += c->usable;
        best = !best || c->failed > best->failed ? c : best;
    }
    f->health = usable == tried ? VIT_HEALTH_WORKS : usable ? VIT_HEALTH_LIMITED : VIT_HEALTH_ABSENT;
    if (usable || !best) {
        vit_doctor_say(f, "%d of %d events count", usable, tried);
    } else {
        vit_doctor_say(f, "none of %d events counts: %s", tried, best->reason);
        vit_doctor_cure(f, best->cure);
    }
}

static void check_backends(struct vit_doctor *doctor)
{
    const struct vit_counter_backend *const *backend;
    int n = vit_counter_backends(&backend);
    for (int i = 0; i < n; i++)
        check_backend(doctor, backend[i]);
}

static void say_counted(struct vit_doctor_finding *f, const struct vit_counter_finding *c)
{
    char factor[32] = "", calibration[64] = "";
    if (c->bytes)
        snprintf(factor, sizeof factor, " x %d B", c->bytes);
    if (!isnan(c->calibration))
        snprintf(calibration, sizeof calibration, "; counted %.2f of a stream of known size", c->calibration);
    vit_doctor_say(f, "%s %s%s, %s%s%s%s%s", c->backend->name, c->event, factor, vit_scope_name(c->scope), calibration,
                   c->untested ? "; nothing could be found to move it here" : "", *c->caveat ? "; " : "", c->caveat);
}

/* The finding that tells most of a quantity that is not counted: the one that got furthest. */
static const struct vit_counter_finding *furthest(const struct vit_counter_survey *survey, const char *column)
{
    const struct vit_counter_finding *best = NULL;
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        if (strcmp(c->column, column) == 0 && (!best || c->failed > best->failed))
            best = c;
    }
    return best;
}

static void check_quantities(struct vit_doctor *doctor)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    for (int i = 0; i < vit_n_quantities; i++) {
        const char *column = vit_quantity_table[i].column;
        const struct vit_counter_finding *c = vit_counter_chosen(survey, column);
        struct vit_doctor_finding *f =
            vit_doctor_add(doctor, "counters", column, c ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT);
        f->counter = c ? c : furthest(survey, column);
        if (c) {
            say_counted(f, c);
        } else if (f->counter) {
            vit_doctor_say(f, "%s", f->counter->reason);
            vit_doctor_cure(f, f->counter->cure);
        } else {
            vit_counter_why(survey, column, f->text, sizeof f->text);
        }
    }
}

void vit_doctor_check_counters(struct vit_doctor *doctor)
{
    check_permissions(doctor);
    check_backends(doctor);
    check_quantities(doctor);
}

int vit_doctor_open_counters(struct vit_doctor *doctor)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    int status = vit_doctor_open_empty(doctor);
    for (int i = 0; i < survey->n && status == VIT_OK; i++) {
        const struct vit_counter_finding *c = &survey->finding[i];
        enum vit_health health = c->usable ? VIT_HEALTH_WORKS : VIT_HEALTH_ABSENT;
        struct vit_doctor_finding *f = vit_doctor_add(doctor, "counters", c->column, health);
        f->counter = c;
        if (c->usable)
            say_counted(f, c);
        else
            vit_doctor_say(f, "%s %s: %s", c->backend ? c->backend->name : "", c->event, c->reason);
        vit_doctor_cure(f, c->usable ? "" : c->cure);
    }
    return status;
}
