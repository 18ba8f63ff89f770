/* SPDX-License-Identifier: MIT */
/* papi_survey.h - which PAPI events can really be counted here, and why the others cannot.
 * PAPI's own lists and queries are no evidence: they say yes on machines where nothing opens. An event is usable only
 * after it was opened, started, read, and seen to advance under work that must move it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The ladder: the first rung an event does not pass is where it failed. */
#define VIT_PAPI_RUNG_LIST(X)                                              \
    X(LIBRARY, "library")     /* PAPI is there and starts */               \
    X(COMPONENT, "component") /* its perf_event part is on */              \
    X(NAME, "name")           /* the event has a code on this processor */ \
    X(ADD, "add")             /* the kernel opens it */                    \
    X(START, "start")                                                      \
    X(READ, "read")                                                        \
    X(ADVANCE, "advance") /* it moves under a stimulus */                  \
    X(NONE, "none")       /* usable */

enum vit_papi_rung {
#define X(id, text) VIT_PAPI_RUNG_##id,
    VIT_PAPI_RUNG_LIST(X)
#undef X
};

struct vit_papi_finding {
    const char *column, *event;
    bool hardware;
    bool usable;
    enum vit_papi_rung failed;
    int papi_code;    /* of the call that failed */
    int system_error; /* errno of the call that failed: PAPI does not keep it */
    int64_t advanced; /* counted under the stimulus */
    char reason[512]; /* with the cure where one is known; "" when usable */
};

/* What the reasons are drawn from. */
struct vit_papi_system {
    int paranoid;         /* kernel.perf_event_paranoid; a number below -1 if unreadable */
    bool cpu_pmu;         /* /sys/bus/event_source/devices has counters of the processor */
    bool virtual_machine; /* the processor says that a hypervisor runs below */
    unsigned uid;
    const char *library_off;   /* why libpapi could not be loaded; NULL or "" when it was */
    const char *component_off; /* PAPI's text on why perf_event is off; "" when on */
};

/* Fills at most max findings, in the order of papi_events.def; returns how many events there are. The events are tried
 * once per process. Call it before threads are started that count by themselves. */
int vit_papi_survey(struct vit_papi_finding *finding, int max);

const char *vit_papi_rung_name(enum vit_papi_rung rung);

/* "7.0.0"; "" before PAPI was started by a survey, or where it does not start. */
const char *vit_papi_version(void);

/* Of the library that is loaded for it: "libpapi.so.7.0". */
const char *vit_papi_soname(void);

/* Writes finding->reason from the rung, the codes and the system. */
void vit_papi_explain(struct vit_papi_finding *finding, const struct vit_papi_system *system);
