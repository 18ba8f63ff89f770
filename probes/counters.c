/* SPDX-License-Identifier: MIT */
/* counters.c - events of processor and kernel around each step, summed over all threads of the process. Events stay
 * open and running through a replay; a step costs two reads per thread. Values that no processor can reach are dropped
 * and counted; a run whose threads were not all counted has none. */
#include "probes/probe.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "probes/counter_tasks.h"
#include "probes/counters_columns.h"
#include "probes/counters_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct vit_column disturbed_column = {
    "disturbed", VIT_INT, "", "1: in a run that a context switch against its will or a page fault disturbed"};
static const struct vit_column short_column = {"counters_short", VIT_INT, "",
                                               "1: so short that reading its counters cost more than 5 % of its time"};

static const struct vit_column default_column[] = {
#define VIT_QUANTITY(column, unit, stimulus, kernel, most_per_ns, help) {#column, VIT_INT, unit, help},
#include "probes/counter_events.def"
    {"disturbed", VIT_INT, "", "1: in a run that a context switch against its will or a page fault disturbed"},
    {"counters_short", VIT_INT, "", "1: so short that reading its counters cost more than 5 % of its time"},
};

enum { N_DEFAULT = sizeof default_column / sizeof default_column[0], MARKS = 2, MOST_VALUE_BITS = 47 };

/* CPU time after which it is judged whether all of it was counted: waking a thread costs some 30 us that its task clock
 * does not see, too large a share of a short run, and so is an interrupt. */
static const double judged_cpu_ns = 20e6;

/* A column while it is counted. */
struct slot {
    int column, first, n;
    double scale;       /* of a count: bytes, or 1 */
    double most_per_ns; /* of all threads together; 0: no bound */
};

struct counters {
    struct vit_counters_columns columns;
    struct vit_column column[VIT_COUNTERS_COLUMNS + MARKS];
    int64_t taken[VIT_COUNTERS_COLUMNS], rejected[VIT_COUNTERS_COLUMNS];
    double run_fraction[VIT_COUNTERS_COLUMNS]; /* least */
    double pair_ns[VIT_COUNTERS_GROUPS];       /* of the probe in each replay */

    int replay;
    struct slot slot[VIT_COUNTERS_COLUMNS];
    int n_slot, n_event;
    struct vit_counter_tasks tasks;
    struct vit_run_watch watch;
    double counted_ns, cpu_ns;     /* of runs not judged yet */
    char refused[VIT_REASON_TEXT]; /* why nothing of any run is believed; "" when it is */

    struct vit_reading before;
    bool read_before;
    int64_t begin_ns;
    uint64_t disturbed; /* bit r: the last run of replay r was */
};

static void fill_columns(struct counters *c)
{
    for (int i = 0; i < c->columns.n; i++) {
        const struct vit_counters_column *from = &c->columns.column[i];
        const struct vit_quantity *q = from->quantity;
        c->column[i] =
            (struct vit_column){q ? q->column : from->name, VIT_INT, q ? q->unit : "", q ? q->help : from->help};
        c->run_fraction[i] = 1;
    }
    c->column[c->columns.n] = disturbed_column;
    c->column[c->columns.n + 1] = short_column;
}

/* Why no column can be counted, in the words of the most promising one. */
static const char *why_none(const struct counters *c)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    for (int i = 0; i < c->columns.n; i++) {
        const struct vit_counters_column *column = &c->columns.column[i];
        if (c->columns.n == 1 || (column->quantity && vit_counter_chosen(survey, column->quantity->column)))
            return column->reason;
    }
    return survey->verdict;
}

static int open_counters(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    if (argument && strcmp(argument, "none") == 0)
        return vit_fail(VIT_ENOTSUP, "counters: none asked for");
    struct counters *c = calloc(1, sizeof *c);
    if (!c)
        return vit_fail(VIT_ENOMEM, "out of memory: probe counters");
    int now = vit_counter_tasks_now(), tasks = plan->threads > now ? plan->threads : now;
    int status = vit_counters_columns_choose(&c->columns, argument, tasks);
    if (status == VIT_OK && c->columns.n_group == 0)
        status = vit_fail(VIT_ENOTSUP, "%s", why_none(c));
    if (status != VIT_OK) {
        free(c);
        return status;
    }
    fill_columns(c);
    probe->state = c;
    probe->column = c->column;
    probe->n_columns = c->columns.n + MARKS;
    probe->replays = c->columns.n_group;
    return VIT_OK;
}

static void fill_slots(struct counters *c)
{
    const bool shared = c->columns.group[c->replay].request.task < 0;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    c->n_slot = 0;
    for (int i = 0; i < c->columns.n; i++) {
        const struct vit_counters_column *column = &c->columns.column[i];
        if (column->group != c->replay)
            continue;
        double threads = shared ? (double)online : (double)c->tasks.n;
        c->slot[c->n_slot++] =
            (struct slot){.column = i,
                          .first = column->first,
                          .n = column->terms.n,
                          .scale = column->finding.bytes ? column->finding.bytes : 1,
                          .most_per_ns = column->quantity ? column->quantity->most_per_ns * threads : 0};
    }
}

static int start_counters(struct vit_probe *probe, int replay, struct vit_parallel *pool)
{
    (void)pool; /* its threads are among those of the process */
    struct counters *c = probe->state;
    const struct vit_counters_group *g = &c->columns.group[replay];
    c->replay = replay;
    c->n_event = g->request.n;
    int status = vit_counter_tasks_open(&c->tasks, g->backend, &g->request);
    if (status != VIT_OK)
        return vit_fail_in(VIT_ENOTSUP, "counters");
    status = vit_run_watch_open(&c->watch);
    if (status != VIT_OK) {
        vit_counter_tasks_close(&c->tasks);
        return vit_fail_in(VIT_ENOTSUP, "counters");
    }
    fill_slots(c);
    return VIT_OK;
}

static void stop_counters(struct vit_probe *probe)
{
    struct counters *c = probe->state;
    vit_run_watch_close(&c->watch);
    vit_counter_tasks_close(&c->tasks);
}

static void begin(void *self, const struct vit_step *step)
{
    struct vit_probe *probe = self;
    struct counters *c = probe->state;
    if (step->index == 0) {
        if (c->pair_ns[c->replay] == 0) /* measured just before the first run */
            c->pair_ns[c->replay] = probe->pair_ns;
        vit_run_watch_begin(&c->watch);
    }
    c->begin_ns = vit_clock_ns();
    c->read_before = vit_counter_tasks_read(&c->tasks, &c->before, c->n_event);
}

/* The count of one column, or VIT_NO_SAMPLE where it is impossible. */
static int64_t evaluate(struct counters *c, const struct slot *slot, const struct vit_reading *after, int64_t ns)
{
    double value = 0, enabled = (double)(after->enabled_ns - c->before.enabled_ns),
           running = (double)(after->running_ns - c->before.running_ns);
    for (int i = slot->first; i < slot->first + slot->n; i++) {
        if (after->value[i] < c->before.value[i])
            return VIT_NO_SAMPLE;
        value += (double)(after->value[i] - c->before.value[i]);
    }
    value *= slot->scale;
    if (enabled > 0 && running < VIT_COUNTER_FULL * enabled) {
        if (running <= 0)
            return VIT_NO_SAMPLE;
        c->run_fraction[slot->column] = fmin(c->run_fraction[slot->column], running / enabled);
        value *= enabled / running;
    }
    if (value >= (double)(INT64_C(1) << MOST_VALUE_BITS) ||
        (slot->most_per_ns > 0 && value > slot->most_per_ns * (double)ns))
        return VIT_NO_SAMPLE;
    return (int64_t)llround(value);
}

/* After the last step: marks of the run, for all steps. */
static void end_run(struct vit_probe *probe, struct counters *c)
{
    const uint64_t bit = UINT64_C(1) << c->replay;
    struct vit_run_verdict verdict = vit_run_watch_end(&c->watch);
    c->disturbed = verdict.disturbed ? c->disturbed | bit : c->disturbed & ~bit;
    for (int i = 0; i < probe->plan->n_step; i++)
        vit_probe_row(probe, i)[c->columns.n] = (int64_t)c->disturbed;
    c->counted_ns += verdict.counted_ns;
    c->cpu_ns += verdict.cpu_ns;
    if (c->cpu_ns < judged_cpu_ns)
        return;
    double share = c->counted_ns / c->cpu_ns;
    if (share < VIT_COUNTED_SHARE && !c->refused[0])
        snprintf(c->refused, sizeof c->refused,
                 "counters: only %.0f %% of the CPU time of this process was counted (%.2f of %.2f ms): a thread that "
                 "started after the counters were attached; name one thread, or run again",
                 100 * share, c->counted_ns / 1e6, c->cpu_ns / 1e6);
    c->counted_ns = c->cpu_ns = 0;
}

static void end(void *self, const struct vit_step *step)
{
    struct vit_probe *probe = self;
    struct counters *c = probe->state;
    struct vit_reading after;
    const bool real = step->index < probe->plan->n_step; /* not an empty pair */
    bool ok = vit_counter_tasks_read(&c->tasks, &after, c->n_event) && c->read_before;
    int64_t ns = vit_clock_ns() - c->begin_ns, *row = vit_probe_row(probe, step->index);
    for (int i = 0; i < c->n_slot; i++) {
        const struct slot *slot = &c->slot[i];
        int64_t value = ok ? evaluate(c, slot, &after, ns) : VIT_NO_SAMPLE;
        row[slot->column] = value;
        c->taken[slot->column] += real;
        c->rejected[slot->column] += real && value == VIT_NO_SAMPLE;
    }
    if (!real)
        return;
    int64_t *mark = &row[c->columns.n + 1];
    const int64_t bit = INT64_C(1) << c->replay, others = *mark == VIT_NO_SAMPLE ? 0 : *mark & ~bit;
    double pair_ns = c->pair_ns[c->replay];
    *mark = others | (pair_ns > 0.05 * ((double)ns - pair_ns) ? bit : 0);
    if (step->index == probe->plan->n_step - 1)
        end_run(probe, c);
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct counters *c = probe->state;
    const int64_t *row = vit_probe_row(probe, step);
    for (int i = 0; i < c->columns.n; i++)
        cell[i] = row[i] == VIT_NO_SAMPLE || c->refused[0] ? vit_absent() : vit_int(row[i]);
    for (int i = c->columns.n; i < c->columns.n + MARKS; i++)
        cell[i] = row[i] == VIT_NO_SAMPLE ? vit_absent() : vit_int(row[i] != 0);
}

static const char *why(const struct vit_probe *probe, int index)
{
    const struct counters *c = probe->state;
    if (index >= c->columns.n)
        return NULL;
    if (c->columns.column[index].group < 0)
        return c->columns.column[index].reason;
    if (c->refused[0])
        return c->refused;
    if (c->taken[index] && c->taken[index] == c->rejected[index])
        return "every value was impossible or could not be read: the counter is shared with another tool, or faulty";
    return NULL;
}

static void describe(const struct vit_probe *probe, int index, struct vit_figure *figure)
{
    const struct counters *c = probe->state;
    if (index >= c->columns.n) {
        snprintf(figure->source, sizeof figure->source, "%s", index == c->columns.n ? "getrusage" : "CLOCK_MONOTONIC");
        return;
    }
    const struct vit_counter_finding *f = &c->columns.column[index].finding;
    figure->scope = f->scope;
    if (!f->backend)
        return;
    char bytes[24] = "", idle[40] = ""; /* of a longer event or caveat, run.json and doctor tell the rest */
    if (f->bytes)
        snprintf(bytes, sizeof bytes, " x %d B", f->bytes);
    if (!isnan(f->idle_per_s))
        snprintf(idle, sizeof idle, ", with %.3g GB/s of others", f->idle_per_s / 1e9);
    snprintf(figure->source, sizeof figure->source, "%.8s %.100s%s (%s mode)%s%s%.44s", f->backend->name, f->event,
             bytes, f->kernel ? "user and kernel" : "user", idle, f->caveat[0] ? "; " : "", f->caveat);
    figure->calibration = f->calibration;
    figure->run_fraction = c->run_fraction[index];
    figure->rejected = c->rejected[index];
}

static void close_counters(struct vit_probe *probe)
{
    free(probe->state);
}

const struct vit_probe_def vit_probe_counters = {
    .name = "counters",
    .summary = "events of the processor and the kernel on all threads",
    .tier = VIT_TIER_MEASURED,
    .scope = VIT_SCOPE_THREADS,
    .source = "PAPI, perf_event_open",
    .argument = "auto, none, or quantities and events separated by commas",
    .flags = VIT_PROBE_COUNTERS,
    .n_columns = N_DEFAULT,
    .column = default_column,
    .open = open_counters,
    .start = start_counters,
    .stop = stop_counters,
    .begin = begin,
    .end = end,
    .read = read_step,
    .why = why,
    .describe = describe,
    .close = close_counters,
};
