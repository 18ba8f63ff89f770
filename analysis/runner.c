/* SPDX-License-Identifier: MIT */
#include "analysis/runner.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "reports/progress.h"

#include <stdlib.h>
#include <string.h>

static const struct vit_protocol protocols[] = {
    {"quick", 0.5, 2, 10, 0},
    {"paper", 10, 60, 10, 0},
};

const struct vit_protocol *vit_protocol_find(const char *name)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    vit_fail(VIT_EINVAL, "--protocol %s: there are quick and paper", name);
    return NULL;
}

/* Of timed training steps: small, so that weights stay what they are. */
static const double learning_rate = 1e-6;

static double run_once(struct vit_instance *instance)
{
    int64_t start = vit_clock_ns();
    vit_exec_run(&instance->exec);
    if (instance->optimizer.def)
        vit_optimizer_step(&instance->optimizer, learning_rate);
    return (double)(vit_clock_ns() - start);
}

/* Runs for the time of the protocol, at least twice; returns the time of the last run in ns. */
static double warm_up(struct vit_instance *instance, double seconds)
{
    vit_exec_observe(&instance->exec, NULL, 0);
    int64_t start = vit_clock_ns();
    double last;
    (void)run_once(instance); /* touches all memory */
    do
        last = run_once(instance);
    while ((double)(vit_clock_ns() - start) < seconds * 1e9);
    return last;
}

enum { MOST_SAMPLES = 1000000 };

int vit_runner_time(struct vit_instance *instance, const struct vit_protocol *protocol, double **times, int *n)
{
    *n = 0;
    double last = warm_up(instance, protocol->warmup_s), expected = protocol->min_time_s * 1e9 / last;
    int capacity = expected < MOST_SAMPLES ? 2 * (int)expected + protocol->repeat + 1 : MOST_SAMPLES;
    *times = malloc((size_t)capacity * sizeof **times);
    if (!*times)
        return vit_fail(VIT_ENOMEM, "out of memory: %d times", capacity);
    struct vit_progress progress;
    vit_progress_open(&progress, instance->graph.name, (int64_t)(protocol->min_time_s * 1000) + 1);
    double total = 0;
    while (*n < capacity && (*n < protocol->repeat || total < protocol->min_time_s * 1e9)) {
        total += (*times)[(*n)++] = run_once(instance);
        vit_progress_update(&progress, (int64_t)(total / 1e6));
    }
    vit_progress_close(&progress);
    return VIT_OK;
}

enum { MOST_PAIRS = 100000 };

int vit_runner_compare(struct vit_pairs *pairs, struct vit_instance *a, struct vit_instance *b,
                       const struct vit_protocol *protocol)
{
    const double both = warm_up(a, protocol->warmup_s / 2) + warm_up(b, protocol->warmup_s / 2),
                 wanted = protocol->min_time_s * 1e9 / both;
    int n = wanted < MOST_PAIRS ? (int)wanted : MOST_PAIRS;
    n = n < protocol->repeat ? protocol->repeat : n;
    double *a_ns = malloc(3 * (size_t)n * sizeof *a_ns);
    if (!a_ns)
        return vit_fail(VIT_ENOMEM, "out of memory: %d times", 3 * n);
    double *b_ns = a_ns + n, *speed = b_ns + n;
    for (int i = 0; i < n; i++) {
        if (i % 2 == 0)
            a_ns[i] = run_once(a);
        b_ns[i] = run_once(b);
        if (i % 2)
            a_ns[i] = run_once(a);
        speed[i] = a_ns[i] / b_ns[i];
    }
    pairs->a_ns = vit_stats_summary(a_ns, n);
    pairs->b_ns = vit_stats_summary(b_ns, n);
    pairs->speed = vit_stats_summary(speed, n);
    free(a_ns);
    return VIT_OK;
}

/* So many that the plain and instrumented runs together last min_time_s, within what raw tables can hold. */
static int choose_repeats(const struct vit_protocol *protocol, double run_ns)
{
    enum { MOST_REPEATS = 200 };
    double wanted = protocol->min_time_s * 1e9 / (2 * run_ns);
    int repeats = wanted > MOST_REPEATS ? MOST_REPEATS : (int)wanted;
    return repeats < protocol->repeat ? protocol->repeat : repeats;
}

static void measure_repeat(struct vit_measurement *m, struct vit_instance *instance, int repeat)
{
    struct vit_session *session = m->session;
    bool plain_first = repeat % 2 == 0; /* who runs first meets a colder cache: both in turn */
    if (plain_first)
        m->plain_ns[repeat] = run_once(instance);
    for (int r = 0; r < session->n_replay; r++) {
        if (vit_session_attach(session, &instance->exec, r) != VIT_OK)
            continue; /* the probe is absent from now on; its reason is in the session */
        double time = run_once(instance);
        if (r == 0)
            m->instrumented_ns[repeat] = time;
        vit_session_detach(session);
    }
    if (!plain_first)
        m->plain_ns[repeat] = run_once(instance);
    for (int step = 0; step < m->n_step; step++)
        vit_session_read(session, step, m->cell + ((int64_t)repeat * m->n_step + step) * m->n_column);
}

enum { COMPUTE_PARTS = 1000 };

static void tell_progress(void *context, double share)
{
    vit_progress_update(context, (int64_t)(share * COMPUTE_PARTS));
}

/* Before anything is measured: the warm-up that follows mends what they did to the caches. */
static void compute(struct vit_instance *instance, struct vit_session *session, double limit_s)
{
    struct vit_progress progress;
    (void)run_once(instance);
    vit_progress_open(&progress, instance->graph.name, COMPUTE_PARTS);
    const struct vit_meter meter = {tell_progress, &progress};
    vit_session_compute(session, &instance->exec, &(struct vit_session_limits){limit_s, &meter});
    vit_progress_close(&progress);
}

int vit_runner_measure(struct vit_measurement *m, struct vit_instance *instance, struct vit_session *session,
                       const struct vit_protocol *protocol)
{
    *m = (struct vit_measurement){
        .session = session, .n_step = instance->plan.n_step, .n_column = vit_session_schema(session)->n_columns};
    compute(instance, session, protocol->compute_s);
    m->n_repeat = choose_repeats(protocol, warm_up(instance, protocol->warmup_s));
    m->cell = calloc((size_t)m->n_repeat * (size_t)m->n_step * (size_t)m->n_column + 1, sizeof *m->cell);
    m->plain_ns = calloc((size_t)m->n_repeat, sizeof *m->plain_ns);
    m->instrumented_ns = calloc((size_t)m->n_repeat, sizeof *m->instrumented_ns);
    if (!m->cell || !m->plain_ns || !m->instrumented_ns) {
        vit_measurement_close(m);
        return vit_fail(VIT_ENOMEM, "out of memory: measurements of %d steps", m->n_step);
    }
    struct vit_progress progress;
    vit_progress_open(&progress, instance->graph.name, m->n_repeat);
    for (int repeat = 0; repeat < m->n_repeat; repeat++) {
        measure_repeat(m, instance, repeat);
        vit_progress_update(&progress, repeat + 1);
    }
    vit_progress_close(&progress);
    return VIT_OK;
}

void vit_measurement_close(struct vit_measurement *m)
{
    free(m->cell);
    free(m->plain_ns);
    free(m->instrumented_ns);
    *m = (struct vit_measurement){0};
}

struct vit_cell vit_measurement_median(const struct vit_measurement *m, int step, int column)
{
    double value[1024];
    enum vit_type type = vit_session_schema(m->session)->column[column].type;
    int n = 0;
    for (int repeat = 0; repeat < m->n_repeat && n < 1024; repeat++) {
        const struct vit_cell *cell = vit_measurement_cells(m, repeat, step) + column;
        if (!cell->present || type == VIT_TEXT)
            return vit_absent();
        value[n++] = type == VIT_INT ? (double)cell->i : cell->r;
    }
    return vit_real_cell(vit_stats_median(value, n));
}
