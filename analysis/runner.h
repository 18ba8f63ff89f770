/* SPDX-License-Identifier: MIT */
/* runner.h - the one place that times whole forwards: warm-up, repeats, and instrumented runs in turn with plain ones.
 */
#pragma once

#include "analysis/instance.h"
#include "analysis/stats.h"
#include "probes/session.h"

struct vit_protocol {
    const char *name;
    double warmup_s, min_time_s; /* measured for at least this long ... */
    int repeat;                  /* ... and at least so many runs */
    double compute_s;            /* probes that would compute for longer stay absent; 0: none */
};

/* "paper": 10 s of warm-up, then 60 s (arXiv 2305.07027); "quick". NULL with a message for other names. */
const struct vit_protocol *vit_protocol_find(const char *name);

/* Plain runs, with the step of the instance's optimizer where it has one, no observer attached. Times of single runs in
 * ns; *times is for the caller to free. */
int vit_runner_time(struct vit_instance *instance, const struct vit_protocol *protocol, double **times, int *n);

/* Two instances run in turn, A B and B A, so that both meet the same machine: what the times of other work on it do to
 * one, they do to the other. */
struct vit_pairs {
    struct vit_summary a_ns, b_ns;
    struct vit_summary speed; /* of b by that of a, over the pairs */
};

/* At least so long, and so many pairs, as the protocol says. */
int vit_runner_compare(struct vit_pairs *pairs, struct vit_instance *a, struct vit_instance *b,
                       const struct vit_protocol *protocol);

/* Everything measured of one model: n_repeat times a plain run, a run under the wall-time probe (in turn, so that both
 * meet the same machine), and a run of each further replay of the session. */
struct vit_measurement {
    struct vit_session *session;
    int n_step, n_column, n_repeat;
    struct vit_cell *cell;   /* (repeat, step, column): the session's columns */
    double *plain_ns;        /* (repeat): whole forwards without observer */
    double *instrumented_ns; /* (repeat): whole forwards under the first replay (wall time) */
};

/* session is open on the instance's plan and borrowed. On failure nothing is left to close. */
int vit_runner_measure(struct vit_measurement *measurement, struct vit_instance *instance, struct vit_session *session,
                       const struct vit_protocol *protocol);
void vit_measurement_close(struct vit_measurement *measurement);

/* The cells of one step in one repeat: n_column of them. */
static inline const struct vit_cell *vit_measurement_cells(const struct vit_measurement *m, int repeat, int step)
{
    return m->cell + ((int64_t)repeat * m->n_step + step) * m->n_column;
}

/* Median over the repeats of a column at a step; absent if any repeat lacks it. */
struct vit_cell vit_measurement_median(const struct vit_measurement *m, int step, int column);
