/* SPDX-License-Identifier: MIT */
/* cache_sim.c - bytes that each step moves between the levels of a model of caches (probes/cache_model.h), fed with the
 * memory that its kernel touches when one thread does all the work. Argument: the caches as text, else this machine's.
 * Cold: every step finds empty caches, and what it leaves dirty in them is written back at its cost. Chained: steps
 * follow one another in the second of two forwards; a dirty line is written back at the cost of the step that evicts
 * it. Prepare steps are left out. */
#include "model/base/status.h"
#include "model/blas_stream.h"
#include "model/exec.h"
#include "model/kernel_set.h"
#include "probes/cache_model.h"
#include "probes/machine.h"
#include "probes/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { COLD, CHAINED, N_MODES };
enum quantity { L1_FILL, L2_FILL, LLC_FILL, LLC_WB, N_QUANTITIES };
enum { N_COLUMNS = N_MODES * N_QUANTITIES, PASSES = 3 /* cold, warming, chained */ };

static const struct vit_column column[N_COLUMNS] = {
    {"sim_cold_l1_fill_bytes", VIT_INT, "B", "lines fetched into L1, reads and write-allocate; caches empty before"},
    {"sim_cold_l2_fill_bytes", VIT_INT, "B", "lines fetched into L2; caches empty before"},
    {"sim_cold_llc_fill_bytes", VIT_INT, "B", "lines fetched from memory; caches empty before"},
    {"sim_cold_llc_wb_bytes", VIT_INT, "B", "lines written to memory, with those that the step leaves dirty"},
    {"sim_chained_l1_fill_bytes", VIT_INT, "B", "lines fetched into L1, in the second of two forwards"},
    {"sim_chained_l2_fill_bytes", VIT_INT, "B", "lines fetched into L2, in the second of two forwards"},
    {"sim_chained_llc_fill_bytes", VIT_INT, "B", "lines fetched from memory, in the second of two forwards"},
    {"sim_chained_llc_wb_bytes", VIT_INT, "B", "lines written to memory while the step runs, whoever made them dirty"},
};

struct step_bytes {
    bool known[N_MODES];
    int64_t bytes[N_MODES][N_QUANTITIES];
};

struct state {
    struct vit_cache_geometry geometry;
    char caches[VIT_CACHE_TEXT];
    int at[N_QUANTITIES]; /* level of the geometry; -1: it has none */
    struct step_bytes *step;
    char kernels[64];                /* those that were followed */
    char no_level[VIT_REASON_TEXT];  /* why L1_FILL or L2_FILL is absent */
    char no_stream[VIT_REASON_TEXT]; /* why all steps are absent in a chain; "": they are not */
};

/* Multiply-accumulates for one line that a product touches: larger register tiles touch less. Counted on DeiT-T, Swin-T
 * and EfficientViT-M4, whose other steps touch about as many lines as they have compulsory bytes. */
static double macs_per_line(const struct vit_step *step)
{
    static const struct {
        const char *isa;
        double macs;
    } of[] = {{"v4", 72}, {"v3", 36}};
    const double openblas = 40, other = 22;
    double macs = step->kernel->blas ? openblas : other;
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        if (!step->kernel->blas && strcmp(vit_kernels()->isa, of[i].isa) == 0)
            macs = of[i].macs;
    return macs * (double)sizeof(float) / (double)sizeof(vit_real);
}

/* That one pass over the step takes, within a factor of two on a processor of 2024: known before addresses are. */
static double pass_seconds(const struct vit_step *step)
{
    const double lines_per_second = 1e8, each = 3e-5; /* third of what emptying 32 MiB takes, once in three passes */
    if (!step->kernel->stream)
        return 0;
    const double lines =
        (double)step->cost.macs / macs_per_line(step) + (double)vit_cost_bytes(&step->cost) / VIT_LINE_BYTES;
    return each + lines / lines_per_second;
}

static double plan_seconds(const struct vit_plan *plan)
{
    double sum = 0;
    for (int i = 0; i < plan->n_step; i++)
        sum += pass_seconds(&plan->step[i]);
    return sum;
}

/* Where the quantities are read in the geometry: L1 and L2 by their numbers, as long as they are not the last. */
static void choose_levels(struct state *s)
{
    s->at[L1_FILL] = s->at[L2_FILL] = -1;
    s->at[LLC_FILL] = s->at[LLC_WB] = s->geometry.n - 1;
    for (int i = 0; i + 1 < s->geometry.n; i++) {
        const int number = s->geometry.level[i].number;
        if (number == 1 || number == 2)
            s->at[number == 1 ? L1_FILL : L2_FILL] = i;
    }
    snprintf(s->no_level, sizeof s->no_level, "the modelled caches (%s) have no such level before their last",
             s->caches);
}

/* VIT_ENOTSUP where no step has a stream. */
static int find_streams(struct state *s, const struct vit_plan *plan)
{
    int without = 0;
    for (int i = 0; i < plan->n_step; i++) {
        const struct vit_step *step = &plan->step[i];
        if (!step->kernel->stream && without++ == 0)
            snprintf(s->no_stream, sizeof s->no_stream, "step %s: kernel %s/%s does not tell what it touches",
                     step->op->name, step->def->name, step->kernel->name);
    }
    if (without > 0 && without == plan->n_step)
        return vit_fail(VIT_ENOTSUP, "%s, nor does any other", s->no_stream);
    return VIT_OK;
}

/* plan: NULL before OpenBLAS is loaded. */
static void name_kernels(struct state *s, const struct vit_plan *plan)
{
    bool blas = false;
    for (int i = 0; plan && i < plan->n_step; i++)
        blas = blas || plan->step[i].kernel->blas;
    snprintf(s->kernels, sizeof s->kernels, "%s", vit_kernels()->isa);
    if (blas)
        snprintf(s->kernels, sizeof s->kernels, "%s, OpenBLAS %.16s%s", vit_kernels()->isa, vit_blas_kernel(),
                 vit_gemm_stream_known() ? "" : " (blocking guessed)");
}

static int read_geometry(struct vit_cache_geometry *geometry, const char *argument)
{
    if (argument)
        return vit_cache_geometry_parse(geometry, argument);
    struct vit_machine machine;
    int status = vit_machine_read(&machine);
    return status == VIT_OK ? vit_cache_geometry_of(geometry, &machine) : status;
}

static int open_sim(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return vit_fail(VIT_ENOMEM, "out of memory: model of caches");
    int status = read_geometry(&s->geometry, argument);
    if (status == VIT_OK)
        status = find_streams(s, plan);
    if (status == VIT_OK && !(s->step = calloc((size_t)plan->n_step + 1, sizeof *s->step)))
        status = vit_fail(VIT_ENOMEM, "out of memory: model of caches");
    if (status != VIT_OK) {
        free(s);
        return status;
    }
    vit_cache_geometry_text(&s->geometry, s->caches);
    choose_levels(s);
    name_kernels(s, NULL);
    probe->state = s;
    return VIT_OK;
}

static void close_sim(struct vit_probe *probe)
{
    struct state *s = probe->state;
    free(s->step);
    free(s);
    probe->state = NULL;
}

struct run {
    struct state *state;
    struct vit_cache_model *model;
    const struct vit_plan *plan;
    const struct vit_meter *meter;
    double done, all; /* seconds, by estimate */
};

static void follow(struct run *run, const struct vit_step *step)
{
    if (!step->kernel->stream)
        return;
    for (int i = 0; i < step->n_fill; i++) /* gradients that begin as zeros */
        vit_access_write(vit_cache_model_access(run->model), step->fill[i].tensor->data,
                         vit_nbytes(step->fill[i].tensor));
    step->kernel->stream(step, vit_cache_model_access(run->model));
    run->done += pass_seconds(step);
    if (run->meter)
        run->meter->tell(run->meter->context, run->done / run->all);
}

/* Takes the counters as those of the step, and zeroes them. */
static int take(struct run *run, enum mode mode, int step)
{
    struct vit_cache_counts count[VIT_CACHE_LEVELS];
    struct step_bytes *result = &run->state->step[step];
    int status = vit_cache_model_count(run->model, count);
    for (int q = 0; q < N_QUANTITIES; q++) {
        const int level = run->state->at[q];
        if (level < 0)
            continue;
        const struct vit_cache_counts *c = &count[level];
        result->bytes[mode][q] = VIT_LINE_BYTES * (q == LLC_WB ? c->write_backs : c->read_misses + c->write_misses);
    }
    result->known[mode] = true;
    vit_cache_model_zero(run->model);
    return status;
}

static int simulate_cold(struct run *run)
{
    int status = VIT_OK;
    for (int i = 0; i < run->plan->n_step && status == VIT_OK; i++) {
        if (!run->plan->step[i].kernel->stream)
            continue;
        follow(run, &run->plan->step[i]);
        vit_cache_model_empty(run->model);
        status = take(run, COLD, i);
    }
    return status;
}

static int simulate_chained(struct run *run)
{
    int status = VIT_OK;
    for (int i = 0; i < run->plan->n_step; i++)
        follow(run, &run->plan->step[i]);
    vit_cache_model_zero(run->model);
    for (int i = 0; i < run->plan->n_step && status == VIT_OK; i++) {
        follow(run, &run->plan->step[i]);
        status = take(run, CHAINED, i);
    }
    return status;
}

static int compute(struct vit_probe *probe, struct vit_exec *exec, const struct vit_meter *meter)
{
    struct state *s = probe->state;
    if (exec->plan != probe->plan)
        return vit_fail(VIT_EINVAL, "probe %s: opened for another plan than the one computed", probe->def->name);
    struct run run = {.state = s, .plan = exec->plan, .meter = meter};
    run.all = plan_seconds(exec->plan) * (s->no_stream[0] ? 1 : PASSES);
    int status = vit_cache_model_open(&run.model, &s->geometry);
    if (status != VIT_OK)
        return status;
    name_kernels(s, exec->plan);
    status = simulate_cold(&run);
    if (status == VIT_OK && !s->no_stream[0])
        status = simulate_chained(&run);
    vit_cache_model_close(run.model);
    return status;
}

static double seconds(const struct vit_probe *probe)
{
    const struct state *s = probe->state;
    return plan_seconds(probe->plan) * (s->no_stream[0] ? 1 : PASSES);
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct state *s = probe->state;
    for (int c = 0; c < N_COLUMNS; c++)
        if (s->at[c % N_QUANTITIES] >= 0 && s->step[step].known[c / N_QUANTITIES])
            cell[c] = vit_int(s->step[step].bytes[c / N_QUANTITIES][c % N_QUANTITIES]);
}

static const char *why(const struct vit_probe *probe, int c)
{
    const struct state *s = probe->state;
    if (s->at[c % N_QUANTITIES] < 0)
        return s->no_level;
    return c / N_QUANTITIES == CHAINED && s->no_stream[0] ? s->no_stream : NULL;
}

static void describe(const struct vit_probe *probe, int c, struct vit_figure *figure)
{
    (void)c;
    const struct state *s = probe->state;
    snprintf(figure->source, sizeof figure->source,
             "LRU %s, %d B lines, write-allocate, no prefetch, 1 thread, kernels %s", s->caches, VIT_LINE_BYTES,
             s->kernels);
}

const struct vit_probe_def vit_probe_cache_sim = {
    .name = "cache_sim",
    .summary = "bytes between the levels of a model of caches, fed with what the kernels touch",
    .tier = VIT_TIER_SIMULATED,
    .scope = VIT_SCOPE_MODEL,
    .source = "LRU model of caches",
    .argument = "CACHES, as L1=32K,8 L2=512K,8 L3=32M,16",
    .flags = VIT_PROBE_COMPUTED,
    .n_columns = N_COLUMNS,
    .column = column,
    .open = open_sim,
    .compute = compute,
    .seconds = seconds,
    .read = read_step,
    .why = why,
    .describe = describe,
    .close = close_sim,
};
