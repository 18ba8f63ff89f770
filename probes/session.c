/* SPDX-License-Identifier: MIT */
#include "probes/session.h"

#include "model/base/clock.h"
#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why a probe has no number: kept with the probe, since the recorded message is soon another's. */
static void mark_absent(struct vit_probe *probe)
{
    probe->absent = true;
    snprintf(probe->reason, sizeof probe->reason, "%s", vit_error());
}

static bool has_hooks(const struct vit_probe_def *def)
{
    return !(def->flags & (VIT_PROBE_STATIC | VIT_PROBE_COMPUTED));
}

static int rank(const struct vit_probe_def *def)
{
    if (def->flags & VIT_PROBE_INTRUSIVE)
        return 2;
    return def->flags & VIT_PROBE_COUNTERS ? 1 : 0;
}

static int share_out_replays(struct vit_session *session)
{
    session->n_replay = 0;
    for (int r = 0; r <= 2; r++)
        for (int i = 0; i < session->n_probe; i++) {
            const struct vit_probe *probe = &session->probe[i];
            for (int part = 0; rank(probe->def) == r && !probe->absent && part < probe->replays; part++) {
                if (session->n_replay == VIT_MAX_REPLAYS)
                    return vit_fail(VIT_EINVAL, "probes: more than %d replays needed; name fewer probes",
                                    VIT_MAX_REPLAYS);
                session->replay[session->n_replay++] = (struct vit_replay){.probe = i, .part = part};
            }
        }
    return VIT_OK;
}

static int allocate_samples(struct vit_probe *probe)
{
    size_t columns = (size_t)probe->n_columns, samples = ((size_t)probe->plan->n_step + 1) * columns;
    probe->sample = calloc(samples, sizeof *probe->sample);
    probe->null_sample = calloc(columns, sizeof *probe->null_sample);
    if (!probe->sample || !probe->null_sample)
        return vit_fail(VIT_ENOMEM, "out of memory: samples of probe %s", probe->def->name);
    for (size_t i = 0; i < samples; i++) /* touches the pages too: no page fault falls into a measured step */
        probe->sample[i] = VIT_NO_SAMPLE;
    return VIT_OK;
}

static void close_probe(struct vit_probe *probe)
{
    if (!probe->absent && probe->def->close)
        probe->def->close(probe);
    free(probe->sample);
    free(probe->null_sample);
    probe->sample = NULL;
    probe->null_sample = NULL;
}

int vit_session_add(struct vit_session *session, const struct vit_probe_def *def, const char *argument)
{
    if (session->n_probe == VIT_MAX_PROBES)
        return vit_fail(VIT_EINVAL, "probe %s: a session holds at most %d probes", def->name, VIT_MAX_PROBES);
    if (argument && !def->argument)
        return vit_fail(VIT_EINVAL, "probe %s: takes no argument, got \"%s\"", def->name, argument);
    for (int i = 0; i < session->n_probe; i++)
        if (session->probe[i].def == def)
            return vit_fail(VIT_EINVAL, "probe %s: given twice", def->name);
    struct vit_probe *probe = &session->probe[session->n_probe];
    *probe = (struct vit_probe){.def = def, .plan = session->plan, .column = def->column, .n_columns = def->n_columns};
    probe->replays = has_hooks(def) ? 1 : 0;
    int status = def->open ? def->open(probe, argument, session->plan) : VIT_OK;
    if (status == VIT_EINVAL)
        return status; /* the argument is wrong */
    if (status != VIT_OK)
        mark_absent(probe);
    session->n_probe++;
    status = vit_schema_add(&session->columns, probe->column, probe->n_columns);
    if (status != VIT_OK) {
        probe->n_columns = 0; /* none of them is in the schema */
        return vit_fail_in(status, "probe %s", def->name);
    }
    if (has_hooks(def))
        status = allocate_samples(probe);
    return status == VIT_OK ? share_out_replays(session) : status;
}

static int add_named(struct vit_session *session, const char *text)
{
    char name[64];
    size_t length = strcspn(text, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    const struct vit_probe_def *def = vit_probe_find(name);
    if (!def)
        return VIT_EINVAL;
    return vit_session_add(session, def, text[length] ? text + length + 1 : NULL);
}

int vit_session_open(struct vit_session *session, const struct vit_plan *plan, const char *const *names, int n)
{
    *session = (struct vit_session){.plan = plan};
    vit_schema_open(&session->columns, "probes", 1);
    for (int i = 0; i < n; i++) {
        int status = add_named(session, names[i]);
        if (status != VIT_OK) {
            vit_session_close(session);
            return status;
        }
    }
    return VIT_OK;
}

void vit_session_close(struct vit_session *session)
{
    vit_session_detach(session);
    for (int i = 0; i < session->n_probe; i++)
        close_probe(&session->probe[i]);
    vit_schema_close(&session->columns);
    *session = (struct vit_session){0};
}

/* Best of some batches of empty pairs: a batch that was interrupted says nothing about the probe. */
static void measure_empty_pair(struct vit_probe *probe)
{
    enum { BATCHES = 16, PAIRS = 64 };
    const struct vit_step empty = {.index = probe->plan->n_step};
    const int64_t *sample = vit_probe_row(probe, empty.index);
    for (int c = 0; c < probe->n_columns; c++)
        vit_probe_row(probe, empty.index)[c] = VIT_NO_SAMPLE; /* a replay counts only its part of the columns */
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t begin = vit_clock_ns();
        for (int i = 0; i < PAIRS; i++) {
            probe->def->begin(probe, &empty);
            probe->def->end(probe, &empty);
        }
        double pair_ns = (double)(vit_clock_ns() - begin) / PAIRS;
        if (batch == 0 || pair_ns < probe->pair_ns)
            probe->pair_ns = pair_ns;
        for (int c = 0; c < probe->n_columns; c++)
            if (sample[c] != VIT_NO_SAMPLE && (batch == 0 || (double)sample[c] < probe->null_sample[c]))
                probe->null_sample[c] = (double)sample[c];
    }
}

int vit_session_attach(struct vit_session *session, struct vit_exec *exec, int replay)
{
    const struct vit_replay *r = &session->replay[replay];
    struct vit_probe *probe = &session->probe[r->probe];
    vit_session_detach(session);
    vit_exec_observe(exec, NULL, 0);
    if (exec->plan != session->plan)
        return vit_fail(VIT_EINVAL, "probe %s: opened for another plan than the one run", probe->def->name);
    if (probe->absent)
        return vit_fail(VIT_ENOTSUP, "%s", probe->reason);
    if (probe->def->start && probe->def->start(probe, r->part, exec->pool) != VIT_OK) {
        mark_absent(probe);
        if (probe->def->close)
            probe->def->close(probe);
        return vit_fail(VIT_ENOTSUP, "%s", probe->reason);
    }
    if (!session->measured[replay])
        measure_empty_pair(probe);
    session->measured[replay] = true;
    session->exec = exec;
    session->attached = replay;
    session->observer = (struct vit_observer){.begin = probe->def->begin, .end = probe->def->end, .self = probe};
    vit_exec_observe(exec, &session->observer, 1);
    return VIT_OK;
}

void vit_session_detach(struct vit_session *session)
{
    if (!session->exec)
        return;
    struct vit_probe *probe = &session->probe[session->replay[session->attached].probe];
    vit_exec_observe(session->exec, NULL, 0);
    session->exec = NULL;
    if (probe->def->stop)
        probe->def->stop(probe);
}

void vit_session_run(struct vit_session *session, struct vit_exec *exec)
{
    for (int replay = 0; replay < session->n_replay; replay++) {
        if (vit_session_attach(session, exec, replay) != VIT_OK)
            continue;
        vit_exec_run(exec);
        vit_session_detach(session);
    }
    vit_session_compute(session, exec, NULL);
}

static double seconds_of(const struct vit_probe *probe)
{
    bool waits = probe->def->compute && !probe->computed && !probe->absent;
    return waits && probe->def->seconds ? probe->def->seconds(probe) : 0;
}

double vit_session_seconds(const struct vit_session *session)
{
    double seconds = 0;
    for (int i = 0; i < session->n_probe; i++)
        seconds += seconds_of(&session->probe[i]);
    return seconds;
}

void vit_session_compute(struct vit_session *session, struct vit_exec *exec, const struct vit_session_limits *limits)
{
    vit_session_detach(session);
    for (int i = 0; i < session->n_probe; i++) {
        struct vit_probe *probe = &session->probe[i];
        if (!probe->def->compute || probe->computed || probe->absent)
            continue;
        double seconds = seconds_of(probe);
        int status = VIT_OK;
        if (limits && limits->seconds > 0 && seconds > limits->seconds)
            status = vit_fail(VIT_ENOTSUP, "would take about %.0f s: ask for it by name", seconds);
        vit_exec_observe(exec, NULL, 0);
        if (status == VIT_OK)
            status = probe->def->compute(probe, exec, limits ? limits->meter : NULL);
        vit_exec_observe(exec, NULL, 0);
        probe->computed = status == VIT_OK;
        if (status == VIT_OK)
            continue;
        mark_absent(probe);
        if (probe->def->close)
            probe->def->close(probe);
    }
}

const struct vit_schema *vit_session_schema(const struct vit_session *session)
{
    return &session->columns.schema;
}

void vit_session_read(const struct vit_session *session, int step, struct vit_cell *cells)
{
    for (int i = 0; i < session->n_probe; i++) {
        const struct vit_probe *probe = &session->probe[i];
        for (int c = 0; c < probe->n_columns; c++)
            cells[c] = vit_absent();
        if (!probe->absent && (!probe->def->compute || probe->computed))
            probe->def->read(probe, step, cells);
        cells += probe->n_columns;
    }
}

const struct vit_probe *vit_session_probe_of(const struct vit_session *session, int column, int *own)
{
    for (int i = 0; i < session->n_probe; i++) {
        if (column < session->probe[i].n_columns) {
            *own = column;
            return &session->probe[i];
        }
        column -= session->probe[i].n_columns;
    }
    return NULL;
}

const char *vit_session_reason(const struct vit_session *session, int column)
{
    int own = 0;
    const struct vit_probe *probe = vit_session_probe_of(session, column, &own);
    if (!probe)
        return "no such column";
    if (probe->absent)
        return probe->reason;
    if (probe->def->compute && !probe->computed)
        return "was not computed";
    const char *why = probe->def->why ? probe->def->why(probe, own) : NULL;
    if (!why && probe->sample && probe->sample[own] == VIT_NO_SAMPLE)
        return "its replay was not run";
    return why;
}
