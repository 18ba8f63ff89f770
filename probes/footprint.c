/* SPDX-License-Identifier: MIT */
/* footprint.c - distinct pages of the model's memory that each step touches, with all its threads. A run of its own
 * does it, in a copy of the memory: there no space shares a page with another, and pages are small, where the memory of
 * other runs is in huge ones. */
#include "probes/probe.h"

#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/exec.h"
#include "model/memory_plan.h"
#include "probes/page_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vit_column column[] = {
    {"footprint_bytes", VIT_INT, "B",
     "distinct pages of weights, activations and workspace that the step touches, in bytes; OpenBLAS's own buffers are "
     "not in it"},
    {"footprint_weight_bytes", VIT_INT, "B", "pages of weights, constants, derived weights among them"},
    {"footprint_activation_bytes", VIT_INT, "B", "pages of inputs, outputs and other activations among them"},
};

enum { N_COLUMNS = sizeof column / sizeof column[0], WORKSPACE = VIT_N_SPACES, AREAS };

/* Which column besides the sum a space is in; 0: none. */
static const int part[AREAS] = {
    [VIT_SPACE_INPUT] = 2,    [VIT_SPACE_PARAM] = 1,   [VIT_SPACE_BUFFER] = 1,
    [VIT_SPACE_CONSTANT] = 1, [VIT_SPACE_DERIVED] = 1, [VIT_SPACE_ACTIVATION] = 2,
};

struct footprint {
    int64_t (*touched)[N_COLUMNS]; /* (steps) */
    size_t page_bytes;
    int threads;
};

/* The run that fills it in. */
struct run {
    struct footprint *footprint;
    struct vit_page_watch watch;
    const struct vit_plan *plan;
    const struct vit_meter *meter;
    vit_real **home; /* (tensors) where the exec had placed them */
    int status;      /* of the first step that could not be observed */
};

static int open_footprint(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    (void)argument;
    struct footprint *f = calloc(1, sizeof *f);
    if (f)
        f->touched = calloc((size_t)plan->n_step, sizeof *f->touched);
    if (!f || !f->touched) {
        free(f);
        return vit_fail(VIT_ENOMEM, "out of memory: probe footprint");
    }
    struct vit_page_watch watch; /* can it be done here? */
    int status = vit_page_watch_open(&watch, "/proc/self", NULL, 0);
    if (status != VIT_OK) {
        free(f->touched);
        free(f);
        return status;
    }
    f->page_bytes = watch.page_bytes;
    vit_page_watch_close(&watch);
    probe->state = f;
    return VIT_OK;
}

static bool is_own_constant(const struct vit_tensor *tensor)
{
    return tensor->space == VIT_SPACE_CONSTANT && !tensor->base;
}

static size_t round_up(size_t bytes)
{
    return (bytes + VIT_ARENA_ALIGNMENT - 1) / VIT_ARENA_ALIGNMENT * VIT_ARENA_ALIGNMENT;
}

static int open_copy(struct run *run)
{
    const struct vit_graph *graph = run->plan->graph;
    size_t bytes[AREAS];
    memcpy(bytes, run->plan->space_bytes, sizeof run->plan->space_bytes);
    bytes[WORKSPACE] = run->plan->workspace_bytes;
    bytes[VIT_SPACE_CONSTANT] = 0; /* each is a block of its own in the graph */
    for (int i = 0; i < graph->n_tensor; i++)
        if (is_own_constant(graph->tensor[i]))
            bytes[VIT_SPACE_CONSTANT] += round_up(vit_nbytes(graph->tensor[i]));
    run->home = calloc((size_t)graph->n_tensor, sizeof(vit_real *));
    if (!run->home)
        return vit_fail(VIT_ENOMEM, "out of memory: probe footprint");
    int status = vit_page_watch_open(&run->watch, "/proc/self", bytes, AREAS);
    if (status != VIT_OK)
        free(run->home);
    return status;
}

/* Copies contents and lets tensors and steps point into the copy. */
static void move_in(struct run *run, const struct vit_exec *exec)
{
    const struct vit_graph *graph = run->plan->graph;
    size_t constant = 0;
    for (int s = 0; s < VIT_N_SPACES; s++)
        if (exec->memory[s])
            memcpy(run->watch.area[s].memory, exec->memory[s], run->plan->space_bytes[s]);
    for (int i = 0; i < graph->n_tensor; i++) {
        struct vit_tensor *tensor = graph->tensor[i];
        vit_real *home = run->home[i] = tensor->data;
        char *area = run->watch.area[tensor->space].memory;
        if (tensor->base) { /* bases come first */
            tensor->data = tensor->base->data + tensor->base_offset;
        } else if (is_own_constant(tensor)) {
            tensor->data = (vit_real *)(void *)(area + constant);
            memcpy(tensor->data, home, vit_nbytes(tensor));
            constant += round_up(vit_nbytes(tensor));
        } else {
            tensor->data = (vit_real *)(void *)(area + tensor->offset);
        }
    }
    for (int i = 0; i < exec->plan->n_step; i++)
        exec->plan->step[i].workspace = run->watch.area[WORKSPACE].memory;
}

static void move_out(struct run *run, const struct vit_exec *exec)
{
    for (int i = 0; i < run->plan->graph->n_tensor; i++)
        run->plan->graph->tensor[i]->data = run->home[i];
    for (int i = 0; i < exec->plan->n_step; i++)
        exec->plan->step[i].workspace = exec->workspace;
}

static void begin(void *self, const struct vit_step *step)
{
    (void)step;
    struct run *run = self;
    if (run->status == VIT_OK)
        run->status = vit_page_watch_start(&run->watch);
}

static void end(void *self, const struct vit_step *step)
{
    struct run *run = self;
    int64_t *touched = run->footprint->touched[step->index];
    if (run->status == VIT_OK)
        run->status = vit_page_watch_count(&run->watch);
    if (run->status != VIT_OK)
        return;
    memset(touched, 0, sizeof *run->footprint->touched);
    for (int a = 0; a < AREAS; a++) {
        touched[0] += run->watch.area[a].touched;
        if (part[a])
            touched[part[a]] += run->watch.area[a].touched;
    }
    if (run->meter)
        run->meter->tell(run->meter->context, (step->index + 1.0) / run->plan->n_step);
}

static int compute(struct vit_probe *probe, struct vit_exec *exec, const struct vit_meter *meter)
{
    struct run run = {.footprint = probe->state, .plan = exec->plan, .meter = meter};
    int status = open_copy(&run);
    if (status != VIT_OK)
        return status;
    run.footprint->threads = vit_parallel_threads(exec->pool);
    move_in(&run, exec);
    const struct vit_observer observer = {.begin = begin, .end = end, .self = &run};
    vit_exec_observe(exec, &observer, 1);
    vit_exec_run(exec);
    vit_exec_observe(exec, NULL, 0);
    move_out(&run, exec);
    vit_page_watch_close(&run.watch);
    free(run.home);
    return run.status;
}

/* All pages of the memory are gone through for each step, and the program's others beside. */
static double estimate(const struct vit_probe *probe)
{
    const double seconds_per_page = 0.35e-6; /* twice protected, cleared, counted */
    const struct footprint *f = probe->state;
    size_t bytes = probe->plan->workspace_bytes;
    for (int s = 0; s < VIT_N_SPACES; s++)
        bytes += probe->plan->space_bytes[s];
    return probe->plan->n_step * (0.3e-3 + (double)bytes / (double)f->page_bytes * seconds_per_page);
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct footprint *f = probe->state;
    for (int c = 0; c < N_COLUMNS; c++)
        cell[c] = vit_int(f->touched[step][c]);
}

static void describe(const struct vit_probe *probe, int c, struct vit_figure *figure)
{
    (void)c;
    const struct footprint *f = probe->state;
    if (probe->computed)
        snprintf(figure->source, sizeof figure->source,
                 "clear_refs and smaps of one run in a copy of the memory, pages of %zu B, %d thread%s", f->page_bytes,
                 f->threads, f->threads == 1 ? "" : "s");
}

static void close_footprint(struct vit_probe *probe)
{
    struct footprint *f = probe->state;
    free(f->touched);
    free(f);
}

const struct vit_probe_def vit_probe_footprint = {
    .name = "footprint",
    .summary = "distinct pages of memory that each step touches",
    .tier = VIT_TIER_FOOTPRINT,
    .scope = VIT_SCOPE_THREADS,
    .source = "clear_refs and smaps",
    .flags = VIT_PROBE_COMPUTED | VIT_PROBE_INTRUSIVE,
    .n_columns = N_COLUMNS,
    .column = column,
    .open = open_footprint,
    .compute = compute,
    .seconds = estimate,
    .read = read_step,
    .describe = describe,
    .close = close_footprint,
};
