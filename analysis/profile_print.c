/* SPDX-License-Identifier: MIT */
/* profile_print.c - a profile on stdout: headline, classes, the costliest operators. */
#include "analysis/output.h"
#include "analysis/profile_traffic.h"
#include "analysis/verdict.h"

#include "model/base/status.h"
#include "probes/counter_survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vit_column columns[] = {
    {"class", VIT_TEXT, "", "class of operators, or operator"},
    {"pass", VIT_TEXT, "", "forward, again, backward"},
    {"ops", VIT_INT, "", "operators"},
    {"time_ns", VIT_REAL, "ns", "median time in one run"},
    {"share_pct", VIT_REAL, "%", "share of the operators' sum"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates"},
    {"compulsory_bytes", VIT_INT, "B", "compulsory bytes (analytic)"},
    {"GFLOP/s", VIT_REAL, "", "flops / time"},
    {"GB/s", VIT_REAL, "", "compulsory bytes / time"},
    {"FLOP/B", VIT_REAL, "", "arithmetic intensity"},
    {"bound", VIT_TEXT, "", "memory or compute: left or right of the ridge point"},
    {"ceiling", VIT_TEXT, "", "what its time came nearest to, and how near"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0], PASS = 1, OPS = 2, MACS = 5 };

/* Operators have long names that must fit in a terminal: their table goes without what matters least. */
static bool is_shown(const struct vit_profile *p, int column, bool operators)
{
    if (column == PASS)
        return p->instance.options.backward;
    return !(operators && (column == OPS || column == MACS));
}

static int print_row(const struct vit_profile *p, struct vit_sink *sink, const struct vit_group *group, bool operators)
{
    struct vit_rates r = vit_profile_rates(&group->cost, group->time_ns);
    struct vit_verdict v = vit_verdict_of(p, &group->cost, group->time_ns, group->bytes);
    char near[32];
    if (v.ceiling)
        snprintf(near, sizeof near, "%s %.0f %%", v.ceiling, v.ceiling_pct);
    struct vit_cell row[N_COLUMNS] = {vit_text(group->name),
                                      vit_text(group->pass),
                                      vit_int(group->operators),
                                      vit_real_cell(group->time_ns),
                                      vit_real_cell(100 * group->time_ns / p->total_ns),
                                      group->cost.macs ? vit_int(group->cost.macs) : vit_absent(),
                                      vit_int(vit_cost_bytes(&group->cost)),
                                      r.gflop_per_s,
                                      r.gb_per_s,
                                      r.intensity,
                                      vit_text(v.by_intensity),
                                      vit_text(v.ceiling ? near : NULL)};
    int n = 0;
    for (int i = 0; i < N_COLUMNS; i++)
        if (is_shown(p, i, operators))
            row[n++] = row[i];
    return vit_sink_write(sink, row);
}

struct listing {
    const struct vit_group *group;
    int n;
    bool operators; /* single ones */
};

static int print_listing(const struct vit_profile *p, const struct vit_options *options, struct listing list)
{
    struct vit_column heading[N_COLUMNS];
    struct vit_schema schema = {"profile", 1, 0, heading};
    for (int i = 0; i < N_COLUMNS; i++)
        if (is_shown(p, i, list.operators))
            heading[schema.n_columns++] = columns[i];
    heading[0].name = list.operators ? "operator" : "class";
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, "share_pct");
    for (int i = 0; i < list.n && status == VIT_OK; i++) {
        status = print_row(p, &sink, &list.group[i], list.operators);
    }
    return vit_sink_finish(&sink, status);
}

/* The costliest operators, one by one. */
static int print_operators(const struct vit_profile *p, const struct vit_options *options)
{
    enum { COSTLIEST = 12 };
    int n = p->instance.plan.n_step;
    struct vit_group *group = calloc((size_t)n, sizeof *group);
    if (!group)
        return vit_fail(VIT_ENOMEM, "out of memory: %d operators", n);
    for (int s = 0; s < n; s++) {
        const struct vit_step *step = &p->instance.plan.step[s];
        group[s] = (struct vit_group){
            .pass = vit_profile_pass(step), .operators = 1, .time_ns = p->step_ns[s], .cost = step->cost};
        vit_traffic_add(&p->traffic, s, group[s].bytes, true);
        snprintf(group[s].name, sizeof group[s].name, "%s", step->op->name);
    }
    vit_group_sort_by_time(group, n);
    int status = print_listing(p, options, (struct listing){group, n < COSTLIEST ? n : COSTLIEST, true});
    free(group);
    return status;
}

static double mib(int64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void print_memory(const struct vit_profile *p)
{
    const struct vit_plan *plan = &p->instance.plan;
    const char *weights = p->instance.options.weights;
    printf("  weights      %.1f MiB, %s\n",
           mib((int64_t)(plan->space_bytes[VIT_SPACE_PARAM] + plan->space_bytes[VIT_SPACE_BUFFER] +
                         plan->space_bytes[VIT_SPACE_DERIVED])),
           weights ? weights : "generated from the seed");
    if (plan->space_bytes[VIT_SPACE_GRADIENT])
        printf("  gradients    %.1f MiB of weights; activations kept for the way back %.1f MiB\n",
               mib((int64_t)plan->space_bytes[VIT_SPACE_GRADIENT]), mib((int64_t)vit_plan_kept_bytes(plan)));
    printf("  activations  %.1f MiB arena (%.1f alive at once, %.1f unshared), workspace %.1f MiB\n",
           mib((int64_t)plan->space_bytes[VIT_SPACE_ACTIVATION]), mib((int64_t)plan->peak_live_bytes),
           mib((int64_t)plan->unshared_bytes), mib((int64_t)plan->workspace_bytes));
}

/* What the way back costs, in units of the forward. */
static void print_passes(const struct vit_profile *p)
{
    double forward = 0, again = 0, backward = 0;
    for (int s = 0; s < p->instance.plan.n_step; s++) {
        const struct vit_step *step = &p->instance.plan.step[s];
        *(step->pass == VIT_BACKWARD ? &backward : step->again ? &again : &forward) += p->step_ns[s];
    }
    printf("  passes       forward %.4g ms, backward %.4g ms (%.2f x the forward)", forward * 1e-6, backward * 1e-6,
           backward / forward);
    if (again > 0)
        printf(", computed again %.4g ms", again * 1e-6);
    printf("\n");
}

/* Up to the first semicolon, without the probe's name before it: run.json has all of it. */
static void print_absence(const struct vit_probe *probe)
{
    const char *name = probe->def->name, *reason = probe->reason;
    size_t length = strlen(name);
    if (strncmp(reason, name, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        reason += length + 2;
    const char *detail = strchr(reason, ';');
    printf("  %-12s absent: %.*s%s\n", name, detail ? (int)(detail - reason) : (int)strlen(reason), reason,
           detail ? " (run.json: more)" : "");
}

/* What counters say about bytes, in one line: the verdict up to its first semicolon. */
static void print_measured(const struct vit_profile *p)
{
    static const char prefix[] = "measured: ";
    for (int i = 0; i < p->session.n_probe; i++) {
        const struct vit_probe *probe = &p->session.probe[i];
        if (strcmp(probe->def->name, "counters") != 0 || probe->absent)
            continue;
        const char *verdict = vit_counter_survey()->verdict;
        verdict += strncmp(verdict, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
        printf("  measured     %.*s (vitscope doctor tells more)\n", (int)strcspn(verdict, ";"), verdict);
    }
}

static void print_headline(const struct vit_profile *p)
{
    char settings[256];
    vit_profile_settings(p, settings, sizeof settings);
    double batch = p->instance.graph.batch, ms = 1e-6;
    const struct vit_ceilings *c = vit_profile_ceilings(p);
    printf("%s: %s\n", p->instance.model->name, settings);
    double speed = batch * 1e9 / p->plain.median;
    const bool training = p->instance.options.backward;
    printf("  throughput   %.*f images/s, no probe; %.4g ms a %s (quartiles %.4g, %.4g)\n",
           speed < 100    ? 2
           : speed < 1000 ? 1
                          : 0,
           speed, p->plain.median * ms, training ? "forward and backward" : "forward", p->plain.low * ms,
           p->plain.high * ms);
    printf("  probes       %+.2f %% time against plain runs in turn; empty pair %.0f ns\n", 100 * p->overhead,
           p->session.probe[0].pair_ns);
    printf("  explained    %.2f %% of the instrumented run is inside its %d operators\n", 100 * p->explained,
           p->instance.plan.n_step);
    if (training)
        print_passes(p);
    print_memory(p);
    if (vit_ridge_point(c) > 0)
        printf("  ceilings     %.3g GFLOP/s (%s), %.3g GB/s (DRAM), ridge point %.3g FLOP/B\n", c->gflops,
               c->gflops_fma >= c->gflops_gemm ? "FMA loop" : "gemm", c->read_gbs, vit_ridge_point(c));
    printf("               %s\n", p->machine->ceilings_note);
    printf("  input        %s\n", p->instance.input);
    for (int i = 0; i < p->session.n_probe; i++)
        if (p->session.probe[i].absent)
            print_absence(&p->session.probe[i]);
    print_measured(p);
    printf("\n");
}

int vit_profile_print(const struct vit_profile *p, const struct vit_options *options)
{
    static struct vit_group group[VIT_MAX_GROUPS];
    bool table = vit_output_is_table(options);
    if (table)
        print_headline(p);
    int n = vit_profile_group(p, vit_profile_class, group);
    vit_group_sort_by_time(group, n);
    int status = print_listing(p, options, (struct listing){group, n, false});
    if (status == VIT_OK && table) {
        printf("\n");
        status = vit_verdict_print(p, options);
    }
    if (status == VIT_OK && table)
        status = vit_traffic_print(p, options);
    if (status == VIT_OK && table) {
        status = print_operators(p, options);
        printf("\n");
    }
    return status;
}
