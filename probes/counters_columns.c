/* SPDX-License-Identifier: MIT */
#include "probes/counters_columns.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "probes/counter_tasks.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool attaches(const struct vit_counter_finding *f)
{
    struct vit_counter_terms terms;
    if (f->scope != VIT_SCOPE_THREADS)
        return true;
    if (vit_counter_terms(&terms, f->event) != VIT_OK)
        return false;
    const struct vit_counter_request request = {.event = terms.term, .n = terms.n, .cpu = -1, .kernel = f->kernel};
    return vit_counter_tasks_try(f->backend, &request) == VIT_OK;
}

static int room(const struct vit_counters_columns *c)
{
    if (c->n == VIT_COUNTERS_COLUMNS)
        return vit_fail(VIT_EINVAL, "counters: more than %d columns; name fewer", VIT_COUNTERS_COLUMNS);
    return VIT_OK;
}

static int add_quantity(struct vit_counters_columns *c, const struct vit_quantity *quantity, int tasks)
{
    const struct vit_counter_survey *survey = vit_counter_survey();
    for (int i = 0; i < c->n; i++)
        if (c->column[i].quantity == quantity)
            return VIT_OK;
    if (room(c) != VIT_OK)
        return VIT_EINVAL;
    struct vit_counters_column *column = &c->column[c->n++];
    *column = (struct vit_counters_column){.quantity = quantity, .group = -1};
    for (int i = 0; i < survey->n; i++) {
        const struct vit_counter_finding *f = &survey->finding[i];
        if (strcmp(f->column, quantity->column) != 0)
            continue;
        column->finding.scope = f->scope;
        if (!f->usable)
            continue;
        if (tasks <= 1 || attaches(f)) {
            column->finding = *f;
            return vit_counter_terms(&column->terms, f->event);
        }
        snprintf(column->reason, sizeof column->reason,
                 "%.300s (%s) cannot be counted for more than one thread: %.200s", f->event, f->backend->name,
                 vit_error());
    }
    if (!column->reason[0])
        vit_counter_why(survey, quantity->column, column->reason, sizeof column->reason);
    return VIT_OK;
}

static const struct vit_counter_backend *backend_named(const char *name)
{
    const struct vit_counter_backend *const *backend;
    int n = vit_counter_backends(&backend);
    for (int i = 0; i < n; i++)
        if (strcmp(backend[i]->name, name) == 0)
            return backend[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    char known[640] = "";
    size_t used = 0;
    for (int i = 0; i < vit_n_quantities; i++) {
        int written = snprintf(known + used, sizeof known - used, "%s, ", vit_quantity_table[i].column);
        used += written > 0 && (size_t)written < sizeof known - used ? (size_t)written : 0;
    }
    return vit_fail(VIT_EINVAL,
                    "counters: \"%.80s\" is unknown; there are: %sand events of PAPI (PAPI_L1_DCM, perf::CYCLES) or "
                    "perf (cpu/event=0x44,umask=0x48/)",
                    name, known);
}

/* "cpu/event=0x44/" -> "raw_cpu_event_0x44" */
static void name_column(struct vit_counters_column *column, const char *event)
{
    size_t used = (size_t)snprintf(column->name, sizeof column->name, "raw");
    bool gap = true;
    for (; *event && used + 2 < sizeof column->name; event++) {
        if (!isalnum((unsigned char)*event)) {
            gap = true;
            continue;
        }
        if (gap)
            column->name[used++] = '_';
        column->name[used++] = (char)tolower((unsigned char)*event);
        gap = false;
    }
    column->name[used] = '\0';
}

static int add_raw(struct vit_counters_columns *c, const char *event, int tasks)
{
    bool papi = strncmp(event, "PAPI_", 5) == 0 || strstr(event, ":"), plain = !papi && !strchr(event, '/');
    const struct vit_counter_backend *backend = backend_named(papi ? "PAPI" : "perf");
    if (!backend || room(c) != VIT_OK)
        return backend ? VIT_EINVAL : fail_unknown(event);
    struct vit_counters_column *column = &c->column[c->n];
    *column = (struct vit_counters_column){.group = -1};
    name_column(column, event);
    snprintf(column->help, sizeof column->help, "raw count of %.100s", event);
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->column[i].name, column->name) == 0)
            return vit_fail(VIT_EINVAL, "counters: %.80s: given twice", event);
    struct vit_counter_finding f;
    vit_counter_try(&f, backend, event);
    if (plain && f.failed == VIT_RUNG_NAME)
        return fail_unknown(event);
    c->n++;
    if (f.usable && (tasks <= 1 || attaches(&f))) {
        column->finding = f;
        return vit_counter_terms(&column->terms, f.event);
    }
    snprintf(column->reason, sizeof column->reason, "%.80s (%s): %s%s%s", event, backend->name,
             f.usable ? "cannot be counted for more than one thread" : f.reason, f.cure[0] ? ": " : "", f.cure);
    return VIT_OK;
}

static int add_item(struct vit_counters_columns *c, const char *item, int tasks)
{
    const struct vit_quantity *quantity = vit_quantity_find(item);
    if (quantity)
        return add_quantity(c, quantity, tasks);
    if (strcmp(item, "auto") != 0)
        return add_raw(c, item, tasks);
    int status = VIT_OK;
    for (int i = 0; i < vit_n_quantities && status == VIT_OK; i++)
        status = add_quantity(c, &vit_quantity_table[i], tasks);
    return status;
}

/* Do the events run together, all of the time? A PMU that lacks counters may open them and take turns. */
static bool runs(const struct vit_counters_group *g)
{
    struct vit_attempt attempt;
    struct vit_counting *counting;
    struct vit_reading reading = {0};
    if (g->backend->open(&counting, &g->request, &attempt) != VIT_OK)
        return false;
    for (int64_t begin = vit_clock_ns(); vit_clock_ns() - begin < 200000;)
        ;
    bool all = g->backend->read(counting, &reading) &&
               (double)reading.running_ns >= VIT_COUNTER_FULL * (double)reading.enabled_ns;
    g->backend->close(counting);
    return all;
}

static void append(struct vit_counters_group *g, const struct vit_counters_column *column)
{
    for (int i = 0; i < column->terms.n; i++)
        g->event[g->request.n++] = column->terms.term[i];
    g->request.event = g->event;
}

/* The first group that takes the column, else a new one. */
static int join_group(struct vit_counters_columns *c, struct vit_counters_column *column)
{
    const struct vit_counter_finding *f = &column->finding;
    const pid_t task = f->scope == VIT_SCOPE_THREADS ? 0 : -1;
    for (int i = 0; i < c->n_group; i++) {
        struct vit_counters_group *g = &c->group[i], larger = *g;
        if (g->backend != f->backend || g->request.kernel != f->kernel || g->request.task != task ||
            g->request.n + column->terms.n > VIT_COUNTER_EVENTS)
            continue;
        append(&larger, column);
        if (!runs(&larger))
            continue;
        column->group = i;
        column->first = g->request.n;
        append(g, column);
        return VIT_OK;
    }
    if (c->n_group == VIT_COUNTERS_GROUPS)
        return vit_fail(VIT_EINVAL, "counters: more than %d replays needed; name fewer", VIT_COUNTERS_GROUPS);
    struct vit_counters_group *g = &c->group[c->n_group];
    *g = (struct vit_counters_group){.backend = f->backend, .request = {.task = task, .cpu = -1, .kernel = f->kernel}};
    append(g, column);
    column->group = c->n_group++;
    return VIT_OK;
}

int vit_counters_columns_choose(struct vit_counters_columns *c, const char *argument, int tasks)
{
    const char *next = argument && *argument ? argument : "auto";
    c->n = c->n_group = 0;
    while (next) {
        char item[VIT_COUNTER_NAME];
        bool inside = false; /* the commas of "cpu/event=0x44,umask=0x48/" separate nothing */
        size_t length = 0;
        for (; next[length] && (inside || next[length] != ','); length++)
            inside = inside != (next[length] == '/');
        if (length >= sizeof item)
            return vit_fail(VIT_EINVAL, "counters: \"%.80s...\" is no name of an event", next);
        snprintf(item, sizeof item, "%.*s", (int)length, next);
        next = next[length] ? next + length + 1 : NULL;
        int status = add_item(c, item, tasks);
        if (status != VIT_OK)
            return status;
    }
    for (int i = 0; i < c->n; i++) {
        int status = c->column[i].finding.backend ? join_group(c, &c->column[i]) : VIT_OK;
        if (status != VIT_OK)
            return status;
    }
    return VIT_OK;
}
