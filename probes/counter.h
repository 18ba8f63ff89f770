/* SPDX-License-Identifier: MIT */
/* counter.h - the two ways to count events of processor and kernel, behind one interface: PAPI (counter_papi.c), and
 * the kernel's perf_event_open with the names of /sys/bus/event_source (counter_perf.c), which knows uncore PMUs and
 * processors that PAPI's tables lack. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { VIT_COUNTER_EVENTS = 16 };

/* The ladder that an event climbs before it is believed: the first rung that it does not pass is where it failed. */
#define VIT_RUNG_LIST(X)                                                                     \
    X(LIBRARY, "library")     /* the backend is there and starts */                          \
    X(COMPONENT, "component") /* its part for these events is on */                          \
    X(NAME, "name")           /* the event has an encoding on this processor */              \
    X(ADD, "add")             /* the kernel opens it */                                      \
    X(START, "start")                                                                        \
    X(READ, "read")                                                                          \
    X(ADVANCE, "advance")     /* it moves under work that must move it, and not backwards */ \
    X(CALIBRATE, "calibrate") /* bytes agree with a stream of known size */                  \
    X(NONE, "none")           /* usable */

enum vit_rung {
#define X(id, text) VIT_RUNG_##id,
    VIT_RUNG_LIST(X)
#undef X
        VIT_N_RUNGS
};

const char *vit_rung_name(enum vit_rung rung);

/* Where and why opening failed. */
struct vit_attempt {
    enum vit_rung failed; /* VIT_RUNG_NONE: nothing did */
    int code;             /* of the backend: a PAPI error; 0 */
    int system_error;     /* errno of the call that failed; PAPI does not keep it */
    char detail[256];     /* the backend's own words, "" if it has none */
};

struct vit_counter_request {
    const char *const *event; /* (n) names in the backend's language */
    int n;                    /* 1 to VIT_COUNTER_EVENTS */
    pid_t task;               /* thread to count, 0: the calling one; -1: whatever runs on `cpu` */
    int cpu;                  /* for task -1: logical processor, or -1: those that the PMU's cpumask names, summed */
    bool kernel;              /* count in kernel mode too */
};

/* Since open. value[i] is raw, not scaled. */
struct vit_reading {
    uint64_t value[VIT_COUNTER_EVENTS];
    uint64_t enabled_ns, running_ns; /* less running than enabled: multiplexed; both 0 where the backend cannot tell */
};

/* Less of its time than this on a counter: multiplexed. */
#define VIT_COUNTER_FULL 0.99

struct vit_counting; /* events of one request, open and running */

struct vit_counter_backend {
    const char *name; /* "PAPI", "perf" */

    /* Is there any way at all? VIT_ENOTSUP with reason and cure. Cheap after the first call. */
    int (*load)(void);

    /* Opens the events so that all count at the same time, and starts them; VIT_ENOTSUP where that is not possible,
     * with *attempt filled and a message. On failure nothing is left to close. */
    int (*open)(struct vit_counting **result, const struct vit_counter_request *request, struct vit_attempt *attempt);

    /* Hot: no allocation. False: could not be read. */
    bool (*read)(struct vit_counting *counting, struct vit_reading *reading);
    void (*close)(struct vit_counting *counting);
};

extern const struct vit_counter_backend vit_counter_papi, vit_counter_perf;

/* Of PAPI: "7.0.0", "" before it was loaded or where it does not start; and the library that is loaded for it:
 * "libpapi.so.7.0". */
const char *vit_papi_version(void);
const char *vit_papi_soname(void);
