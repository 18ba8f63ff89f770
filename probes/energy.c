/* SPDX-License-Identifier: MIT */
/* energy.c - energy of each class of operators, shared out among its steps. Meters move about once a millisecond, and
 * most steps are shorter, so a class is measured as a whole: one forward is run for it, in which each step of the
 * class, with its inputs just computed, is run again and again between two readings. No step writes over its inputs, so
 * every repetition computes the same from the same numbers. A reading is up to a millisecond old; these errors have no
 * direction and cancel over the steps of a class. */
#include "probes/probe.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/exec.h"
#include "probes/energy_meter.h"

#include <stdio.h>
#include <stdlib.h>

static const struct vit_column column[VIT_N_ENERGY_DOMAINS] = {
    [VIT_ENERGY_PACKAGE] = {"energy_package_j", VIT_REAL, "J",
                            "energy of the sockets while the step runs, idle power and other programs included; the "
                            "energy of the step's class, measured, shared out by the time of its steps"},
    [VIT_ENERGY_DRAM] = {"energy_dram_j", VIT_REAL, "J", "the same of the memory"},
};

static const int64_t class_ns = 200000000, step_ns = 2000000, idle_ns = 250000000; /* at least */

struct energy {
    struct vit_energy_meter meter;
    double (*joules)[VIT_N_ENERGY_DOMAINS]; /* (steps) of one run */
    double idle_watts[VIT_N_ENERGY_DOMAINS];
};

/* The forwards for one class. */
struct replay {
    struct energy *energy;
    enum vit_op_class op_class;
    bool measuring;  /* or only taking times */
    int64_t repeats; /* of each step, in one forward */
    int64_t *ns;     /* (steps) of all repetitions; or of one run */
    int64_t begin_ns;
    double joules[VIT_N_ENERGY_DOMAINS];
    bool failed;
};

static int open_energy(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    struct vit_energy_places places = VIT_ENERGY_PLACES;
    if (argument)
        places.powercap = argument;
    struct energy *e = calloc(1, sizeof *e);
    if (e)
        e->joules = calloc((size_t)plan->n_step, sizeof *e->joules);
    int status =
        e && e->joules ? vit_energy_meter_open(&e->meter, places) : vit_fail(VIT_ENOMEM, "out of memory: probe energy");
    if (status != VIT_OK) {
        if (e)
            free(e->joules);
        free(e);
        return status;
    }
    probe->state = e;
    return VIT_OK;
}

static void begin(void *self, const struct vit_step *step)
{
    (void)step;
    struct replay *r = self;
    r->begin_ns = vit_clock_ns();
}

/* The step has just run: its inputs are what they have to be. */
static void end(void *self, const struct vit_step *step)
{
    struct replay *r = self;
    struct vit_energy_meter *meter = &r->energy->meter;
    if (!r->measuring)
        r->ns[step->index] = vit_clock_ns() - r->begin_ns;
    if (!r->measuring || step->def->op_class != r->op_class || r->failed)
        return;
    r->failed = !vit_energy_meter_read(meter);
    double before[VIT_N_ENERGY_DOMAINS];
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        before[d] = meter->joules[d];
    int64_t begin_ns = vit_clock_ns();
    for (int64_t i = 0; i < r->repeats; i++)
        step->kernel->forward(step);
    r->ns[step->index] += vit_clock_ns() - begin_ns;
    r->failed = !vit_energy_meter_read(meter) || r->failed;
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        r->joules[d] += meter->joules[d] - before[d];
}

static void run_observed(struct replay *r, struct vit_exec *exec)
{
    const struct vit_observer observer = {.begin = begin, .end = end, .self = r};
    vit_exec_observe(exec, &observer, 1);
    vit_exec_run(exec);
    vit_exec_observe(exec, NULL, 0);
}

/* Time of the class's steps, and how many there are. */
static int64_t class_time(const struct replay *r, const struct vit_plan *plan, int *n)
{
    int64_t ns = 0;
    *n = 0;
    for (int i = 0; i < plan->n_step; i++)
        if (plan->step[i].def->op_class == r->op_class) {
            ns += r->ns[i];
            (*n)++;
        }
    return ns;
}

/* r->ns holds the times of one run, and is used up. */
static int measure_class(struct replay *r, struct vit_exec *exec)
{
    int n;
    int64_t once = class_time(r, exec->plan, &n), forwards = 0, total = 0;
    if (n == 0)
        return VIT_OK;
    int64_t wanted = n * step_ns > class_ns ? n * step_ns : class_ns;
    r->repeats = once > 0 ? wanted / once + 1 : wanted;
    for (int i = 0; i < exec->plan->n_step; i++)
        r->ns[i] = 0;
    for (; total < class_ns && !r->failed; forwards++) { /* more than once if the first times were too long */
        run_observed(r, exec);
        total = class_time(r, exec->plan, &n);
    }
    if (r->failed)
        return vit_fail(VIT_ENOTSUP, "energy: %s could be opened and not be read", r->energy->meter.source);
    if (r->joules[VIT_ENERGY_PACKAGE] <= 0)
        return vit_fail(VIT_ENOTSUP, "energy: %s stood still for %.0f ms of work", r->energy->meter.source,
                        (double)total * 1e-6);
    for (int i = 0; i < exec->plan->n_step; i++)
        for (int d = 0; d < VIT_N_ENERGY_DOMAINS && exec->plan->step[i].def->op_class == r->op_class; d++)
            r->energy->joules[i][d] =
                r->joules[d] * ((double)r->ns[i] / (double)total) / ((double)r->repeats * (double)forwards);
    return VIT_OK;
}

static int measure_idle(struct energy *e)
{
    double before[VIT_N_ENERGY_DOMAINS];
    struct timespec pause = {.tv_nsec = idle_ns};
    bool read = vit_energy_meter_read(&e->meter);
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        before[d] = e->meter.joules[d];
    int64_t begin_ns = vit_clock_ns();
    nanosleep(&pause, NULL);
    int64_t ns = vit_clock_ns() - begin_ns;
    if (!vit_energy_meter_read(&e->meter) || !read)
        return vit_fail(VIT_ENOTSUP, "energy: %s could be opened and not be read", e->meter.source);
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        e->idle_watts[d] = (e->meter.joules[d] - before[d]) / ((double)ns * 1e-9);
    return VIT_OK;
}

static bool overlap(const struct vit_tensor *a, const struct vit_tensor *b)
{
    const char *x = (const char *)a->data, *y = (const char *)b->data;
    return x < y + vit_nbytes(b) && y < x + vit_nbytes(a);
}

/* A step that changed its own inputs could not be repeated: values would grow or vanish, and with them the time. */
static int check_repeatable(const struct vit_plan *plan)
{
    for (int i = 0; i < plan->n_step; i++) {
        const struct vit_op *op = plan->step[i].op;
        for (int in = 0; in < op->n_in; in++)
            for (int out = 0; out < op->n_out; out++)
                if (overlap(op->in[in], op->out[out]))
                    return vit_fail(VIT_ENOTSUP, "energy: %s writes over its input and cannot be repeated", op->name);
    }
    return VIT_OK;
}

static int compute(struct vit_probe *probe, struct vit_exec *exec, const struct vit_meter *meter)
{
    struct energy *e = probe->state;
    const size_t bytes = (size_t)exec->plan->n_step * sizeof(int64_t);
    int64_t *once = malloc(bytes), *ns = malloc(bytes);
    int status = once && ns ? check_repeatable(exec->plan) : vit_fail(VIT_ENOMEM, "out of memory: probe energy");
    if (status == VIT_OK)
        status = measure_idle(e);
    if (status == VIT_OK) {
        struct replay timing = {.energy = e, .ns = once};
        run_observed(&timing, exec);
    }
    for (int c = 0; c < VIT_N_CLASSES && status == VIT_OK; c++) {
        struct replay r = {.energy = e, .op_class = (enum vit_op_class)c, .measuring = true, .ns = ns};
        for (int i = 0; i < exec->plan->n_step; i++)
            ns[i] = once[i];
        status = measure_class(&r, exec);
        if (meter)
            meter->tell(meter->context, (c + 1.0) / VIT_N_CLASSES);
    }
    free(once);
    free(ns);
    return status;
}

static double estimate(const struct vit_probe *probe)
{
    (void)probe;
    return 1e-9 * ((double)idle_ns + VIT_N_CLASSES * 1.5 * (double)class_ns);
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct energy *e = probe->state;
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        if (e->meter.has[d])
            cell[d] = vit_real_cell(e->joules[step][d]);
}

static const char *why(const struct vit_probe *probe, int c)
{
    const struct energy *e = probe->state;
    return e->meter.has[c] ? NULL : "this processor has no meter of the memory, or the kernel does not show it";
}

static void describe(const struct vit_probe *probe, int c, struct vit_figure *figure)
{
    const struct energy *e = probe->state;
    if (probe->computed)
        snprintf(figure->source, sizeof figure->source,
                 "%s; classes measured over 0.2 s, shared out by time; idle %.2f W are in it", e->meter.source,
                 e->idle_watts[c]);
}

static void close_energy(struct vit_probe *probe)
{
    struct energy *e = probe->state;
    vit_energy_meter_close(&e->meter);
    free(e->joules);
    free(e);
}

const struct vit_probe_def vit_probe_energy = {
    .name = "energy",
    .summary = "energy of the sockets and their memory, by class of operators",
    .tier = VIT_TIER_MEASURED,
    .scope = VIT_SCOPE_SOCKET,
    .source = "powercap, or the power PMU",
    .argument = "folder that stands for /sys/class/powercap",
    .flags = VIT_PROBE_COMPUTED | VIT_PROBE_INTRUSIVE,
    .n_columns = VIT_N_ENERGY_DOMAINS,
    .column = column,
    .open = open_energy,
    .compute = compute,
    .seconds = estimate,
    .read = read_step,
    .why = why,
    .describe = describe,
    .close = close_energy,
};
