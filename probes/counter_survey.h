/* SPDX-License-Identifier: MIT */
/* counter_survey.h - which counters can really be counted here, by which backend, and why the others cannot.
 * Lists and queries of libraries are no evidence: they say yes on machines where nothing opens. An event is usable only
 * after it was opened, started, read, seen to advance under work that must move it, and, where it stands for bytes,
 * compared with a stream of known size. */
#pragma once

#include "probes/counter.h"
#include "probes/counter_map.h"

enum { VIT_COUNTER_TERMS = 8, VIT_COUNTER_NAME = 512, VIT_COUNTER_DETAIL = 320, VIT_MAX_FINDINGS = 64 };

/* One event of the map tried with one backend. */
struct vit_counter_finding {
    const char *column;           /* "measured_dram_read_bytes" */
    char event[VIT_COUNTER_NAME]; /* in the backend's language; '+' between several that are summed */
    const struct vit_counter_backend *backend;
    enum vit_rung failed;   /* VIT_RUNG_NONE: usable */
    int code, system_error; /* as in struct vit_attempt */
    bool usable;
    bool chosen;        /* the probe counts the column by this one */
    bool kernel;        /* kernel mode is in it */
    bool untested;      /* no work could be found that moves it here: its advance was not seen */
    int64_t counted;    /* under the stimulus, before it failed; negative: ran backwards */
    double calibration; /* counted / known bytes; NAN: it does not stand for bytes, or did not get so far */
    double idle_per_s;  /* bytes that the rest of the machine moves meanwhile, scope not threads; else NAN */
    int bytes;          /* per count; 0: none */
    enum vit_scope scope;
    const char *caveat; /* "" if there is none */
    char reason[384];   /* what is missing, one sentence; "" when usable */
    char cure[256];     /* what to do about it; "" where nothing can be done, or needs to */
};

/* What reasons and cures are drawn from. */
struct vit_counter_system {
    struct vit_processor processor;
    int paranoid;         /* kernel.perf_event_paranoid; below -1 if unreadable */
    bool cpu_pmu;         /* /sys/bus/event_source/devices has counters of the processor */
    bool virtual_machine; /* the processor says that a hypervisor runs below */
    bool perfmon;         /* this process has CAP_PERFMON or CAP_SYS_ADMIN */
    unsigned uid;
};

struct vit_counter_survey {
    struct vit_counter_system system;
    int n;
    struct vit_counter_finding finding[VIT_MAX_FINDINGS]; /* by quantity, then in the order tried */
    char verdict[896]; /* one line: "measured: n/a - this kernel exposes no CPU counters (virtual machine); ..." */
    double seconds;    /* that it took */
};

/* Tries every event of this machine, once per process; later calls return the same. Never fails: what is missing is in
 * the findings. Moves up to 256 MiB of memory if an event that stands for bytes gets so far. */
const struct vit_counter_survey *vit_counter_survey(void);

/* The finding that the probe counts a column by; NULL: none is usable. */
const struct vit_counter_finding *vit_counter_chosen(const struct vit_counter_survey *survey, const char *column);

/* Why a column cannot be counted, with the cure: the words of the finding that got furthest. */
void vit_counter_why(const struct vit_counter_survey *survey, const char *column, char *text, size_t size);

/* Tries one event given in the language of a backend: "PAPI_L1_DCM", "perf::CYCLES", "cpu/event=0x44,umask=0x48/". */
void vit_counter_try(struct vit_counter_finding *finding, const struct vit_counter_backend *backend, const char *event);

/* The events of a sum. */
struct vit_counter_terms {
    int n;
    const char *term[VIT_COUNTER_TERMS]; /* in text */
    char text[VIT_COUNTER_NAME];
};

/* VIT_EINVAL: too long, or too many. Must not be moved. */
int vit_counter_terms(struct vit_counter_terms *terms, const char *event);

/* Writes reason and cure of a finding from its rung, its codes and the system; detail: the backend's own words. */
void vit_counter_explain(struct vit_counter_finding *finding, const struct vit_counter_system *system,
                         const char *detail);
void vit_counter_verdict(struct vit_counter_survey *survey);

void vit_counter_system_read(struct vit_counter_system *system);

/* For tests: another machine. The next survey is made with these backends, in this order, on this system, and with
 * streams of this size; NULL: the real one. */
struct vit_counter_stage {
    const struct vit_counter_backend *const *backend;
    int n_backend;
    struct vit_counter_system system;
    size_t stream_bytes;
};

void vit_counter_set_stage(const struct vit_counter_stage *stage);

/* In the order of trust. */
int vit_counter_backends(const struct vit_counter_backend *const **backend);
