/* SPDX-License-Identifier: MIT */
/* session.h - the probes of one plan: opens them, shares them out over replays (runs of the same plan), reads their
 * cells. Every probe with hooks has replays of its own, so that none disturbs another: first those that only watch,
 * then counters (one replay per group of events that fit the processor together), then intrusive ones. Static probes
 * need none.
 *
 *     vit_session_open(&session, &plan, names, n);
 *     for (int r = 0; r < session.n_replay; r++) {
 *         if (vit_session_attach(&session, &exec, r) != VIT_OK) continue;    the probe is absent now, with the reason
 *         vit_exec_run(&exec);                                               as often as wanted; read after each
 *         vit_session_detach(&session);
 *     }
 *     vit_session_compute(&session, &exec, &limits);                        probes that drive the exec themselves
 *     vit_session_read(&session, step, cells);
 */
#pragma once

#include "model/exec.h"
#include "probes/probe.h"

enum { VIT_MAX_PROBES = 16, VIT_MAX_REPLAYS = 64 };

struct vit_replay {
    int probe; /* index in session->probe */
    int part;  /* which of the probe's replays */
};

/* Must not be moved while open: observers point into it. */
struct vit_session {
    const struct vit_plan *plan;
    struct vit_probe probe[VIT_MAX_PROBES];
    int n_probe;
    struct vit_replay replay[VIT_MAX_REPLAYS];
    int n_replay;
    bool measured[VIT_MAX_REPLAYS]; /* the empty pair of this replay was measured */
    struct vit_schema_builder columns;
    struct vit_exec *exec; /* attached to; NULL: none */
    int attached;          /* index of the replay attached */
    struct vit_observer observer;
};

/* names: "wall_time", "traffic", or "name=argument" for probes that take one. An unknown name, a probe given twice, and
 * a lack of memory fail; a probe that cannot work here does not. plan is borrowed. On failure nothing is left to close.
 */
int vit_session_open(struct vit_session *session, const struct vit_plan *plan, const char *const *names, int n);
void vit_session_close(struct vit_session *session);

/* Adds a probe that need not be in the table. */
int vit_session_add(struct vit_session *session, const struct vit_probe_def *def, const char *argument);

/* Makes the exec of the same plan run under a replay's probe. The first time, measures what an empty begin/end pair of
 * the probe costs and counts. On failure the probe is absent from now on and the exec runs unobserved. */
int vit_session_attach(struct vit_session *session, struct vit_exec *exec, int replay);
void vit_session_detach(struct vit_session *session);

/* How long probes may compute, and who hears of it. */
struct vit_session_limits {
    double seconds; /* a probe that would take longer is absent, with its estimate as reason; 0: no limit */
    const struct vit_meter *meter;
};

/* Lets the probes that drive the exec themselves do so, once; limits may be NULL. One that fails is absent. */
void vit_session_compute(struct vit_session *session, struct vit_exec *exec, const struct vit_session_limits *limits);

/* Seconds that vit_session_compute will take, roughly. */
double vit_session_seconds(const struct vit_session *session);

/* Attaches, runs once and detaches every replay, then computes: a probe that fails on the way is absent, the others go
 * on. */
void vit_session_run(struct vit_session *session, struct vit_exec *exec);

/* All probes' columns, in the order the probes were named. */
const struct vit_schema *vit_session_schema(const struct vit_session *session);

/* The cells of one step: schema->n_columns of them. Absent: probes that are, and those whose replay was not run. */
void vit_session_read(const struct vit_session *session, int step, struct vit_cell *cells);

/* Why a column has no values; NULL where it has. */
const char *vit_session_reason(const struct vit_session *session, int column);

/* The probe a column belongs to (its source says where the numbers come from); *own is the index among its columns. */
const struct vit_probe *vit_session_probe_of(const struct vit_session *session, int column, int *own);
