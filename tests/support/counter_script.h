/* SPDX-License-Identifier: MIT */
/* counter_script.h - backends for counters that do what a test says: fail at a rung, stick, run backwards, take turns,
 * lose a thread. */
#pragma once

#include "probes/counter_survey.h"

enum counter_course {
    COURSE_STEADY,      /* every reading is `step` more */
    COURSE_CPU_PROCESS, /* the CPU time of the process, for the calling thread; 0 for others */
    COURSE_CPU_THREAD,  /* the CPU time of the calling thread; 0 for others */
};

/* What becomes of one event; the first row of its name (NULL: any) counts. */
struct counter_line {
    const char *event;
    enum vit_rung failed; /* 0: it opens and counts (library_missing says otherwise for all) */
    int code, error;
    const char *detail;
    enum counter_course course;
    int64_t step;   /* of COURSE_STEADY; 0: stuck, negative: backwards */
    bool user_only; /* opens only without kernel mode */
};

struct counter_script {
    const struct counter_line *line;
    int n_line;
    int together; /* events that fit; 0: any number */
    double share; /* of its time that an event is on a counter; 0: all of it */
    int attach;   /* errno for another thread than the caller; 0: opens */
    bool library_missing;
    int opened, closed; /* how often */
    uint64_t jump;      /* taken from the next reading, then cleared */
};

extern struct counter_script counter_script_papi, counter_script_perf;
extern const struct vit_counter_backend counter_scripted_papi, counter_scripted_perf;
