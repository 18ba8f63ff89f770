/* SPDX-License-Identifier: MIT */
/* profile_print.c - a profile on stdout: headline, classes, the costliest operators. */
#include "analysis/output.h"
#include "analysis/profile.h"

#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>

static const struct vit_column columns[] = {
    {"class", VIT_TEXT, "", "class of operators, or operator"},
    {"ops", VIT_INT, "", "operators"},
    {"time_ns", VIT_REAL, "ns", "median time of one forward"},
    {"share_pct", VIT_REAL, "%", "share of the operators' sum"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates"},
    {"compulsory_bytes", VIT_INT, "B", "compulsory bytes (analytic)"},
    {"GFLOP/s", VIT_REAL, "", "flops / time"},
    {"GB/s", VIT_REAL, "", "compulsory bytes / time"},
    {"FLOP/B", VIT_REAL, "", "arithmetic intensity"},
    {"bound", VIT_TEXT, "", "memory or compute"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static int print_row(const struct vit_profile *p, struct vit_sink *sink, const struct vit_group *group)
{
    struct vit_rates r = vit_profile_rates(p, &group->cost, group->time_ns);
    struct vit_cell row[N_COLUMNS] = {vit_text(group->name),
                                      vit_int(group->operators),
                                      vit_real_cell(group->time_ns),
                                      vit_real_cell(100 * group->time_ns / p->total_ns),
                                      group->cost.macs ? vit_int(group->cost.macs) : vit_absent(),
                                      vit_int(vit_cost_bytes(&group->cost)),
                                      r.gflop_per_s,
                                      r.gb_per_s,
                                      r.intensity,
                                      vit_text(r.bound)};
    return vit_sink_write(sink, row);
}

static int print_groups(const struct vit_profile *p, const struct vit_options *options, const char *what,
                        const struct vit_group *group, int n)
{
    struct vit_column heading[N_COLUMNS];
    for (int i = 0; i < N_COLUMNS; i++)
        heading[i] = columns[i];
    heading[0].name = what;
    struct vit_schema schema = {"profile", 1, N_COLUMNS, heading};
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, "share_pct");
    for (int i = 0; i < n && status == VIT_OK; i++) {
        status = print_row(p, &sink, &group[i]);
        if (status != VIT_OK)
            vit_sink_abort(&sink);
    }
    return status == VIT_OK ? vit_sink_close(&sink) : status;
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
        group[s] = (struct vit_group){.operators = 1, .time_ns = p->step_ns[s], .cost = step->cost};
        snprintf(group[s].name, sizeof group[s].name, "%s", step->op->name);
    }
    vit_group_sort_by_time(group, n);
    int status = print_groups(p, options, "operator", group, n < COSTLIEST ? n : COSTLIEST);
    free(group);
    return status;
}

static void print_headline(const struct vit_profile *p)
{
    char settings[256];
    vit_profile_settings(p, settings, sizeof settings);
    double batch = p->instance.graph.batch, ms = 1e-6;
    const struct vit_ceilings *c = p->instance.plan.threads > 1 ? &p->machine->all : &p->machine->single;
    printf("%s: %s\n", p->instance.model->name, settings);
    printf("  throughput   %.4g images/s, %.4g ms per forward (quartiles %.4g to %.4g ms), no probe attached\n",
           batch * 1e9 / p->plain.median, p->plain.median * ms, p->plain.low * ms, p->plain.high * ms);
    printf("  probe        %+.2f %% on the instrumented runs (in turn with plain ones); an empty pair takes %.0f ns\n",
           100 * p->overhead, p->session.probe[0].pair_ns);
    printf("  explained    %.2f %% of the instrumented run is inside its %d operators\n", 100 * p->explained,
           p->instance.plan.n_step);
    printf(
        "  memory       weights %.1f MiB, activations %.1f MiB in one arena (at least %.1f alive at once, %.1f without "
        "sharing), workspace %.1f MiB\n",
        (double)(p->instance.plan.space_bytes[VIT_SPACE_PARAM] + p->instance.plan.space_bytes[VIT_SPACE_BUFFER] +
                 p->instance.plan.space_bytes[VIT_SPACE_DERIVED]) /
            (1 << 20),
        (double)p->instance.plan.space_bytes[VIT_SPACE_ACTIVATION] / (1 << 20),
        (double)p->instance.plan.peak_live_bytes / (1 << 20), (double)p->instance.plan.unshared_bytes / (1 << 20),
        (double)p->instance.plan.workspace_bytes / (1 << 20));
    if (vit_ridge_point(c) > 0)
        printf("  ceilings     %.4g GFLOP/s, %.4g GB/s, ridge point %.3g FLOP/B (%s)\n", c->gflops, c->read_gbs,
               vit_ridge_point(c), c->source);
    printf("  input        %s; weights %s\n", p->instance.input,
           p->instance.options.weights ? p->instance.options.weights : "generated from the seed");
    for (int i = 0; i < p->session.n_probe; i++)
        if (p->session.probe[i].absent)
            printf("  %-12s absent: %s\n", p->session.probe[i].def->name, p->session.probe[i].reason);
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
    int status = print_groups(p, options, "class", group, n);
    if (status == VIT_OK && table) {
        printf("\n");
        status = print_operators(p, options);
        printf("\n");
    }
    return status;
}
