/* SPDX-License-Identifier: MIT */
/* resolution_measure.c - one model at one size: what the plan tells, then what a profile tells. */
#include "analysis/class_shares.h"
#include "analysis/profile_traffic.h"
#include "analysis/resolution.h"
#include "model/base/status.h"

#include <string.h>

/* What grows with pairs of tokens: query-key products up to the softmax, and the weighted values. */
static bool is_attention(const struct vit_op *op, int context)
{
    (void)context;
    return op->site.role == VIT_ROLE_SCORE || op->site.role == VIT_ROLE_CONTEXT;
}

static bool is_mhsa(const struct vit_op *op, int context)
{
    switch (op->site.role) {
    case VIT_ROLE_QKV:
    case VIT_ROLE_QUERY:
    case VIT_ROLE_KEY:
    case VIT_ROLE_VALUE:
    case VIT_ROLE_PROJ:
    case VIT_ROLE_WINDOW:
        return true;
    default:
        return is_attention(op, context);
    }
}

static void record_plan(struct vit_results *results, const struct vit_plan *plan)
{
    const struct vit_cost cost = vit_plan_cost(plan);
    int64_t attention = 0;
    for (int s = 0; s < plan->n_step; s++)
        attention += is_attention(plan->step[s].op, 0) ? plan->step[s].cost.macs : 0;
    const struct {
        const char *name;
        double value;
    } row[] = {{"params", (double)vit_graph_parameters(plan->graph)},
               {"macs", (double)cost.macs},
               {"flops", (double)cost.flops},
               {"operators", plan->n_step},
               {"arena_bytes", (double)plan->space_bytes[VIT_SPACE_ACTIVATION]},
               {"live_bytes", (double)plan->peak_live_bytes},
               {"unshared_bytes", (double)plan->unshared_bytes},
               {"workspace_bytes", (double)plan->workspace_bytes},
               {"compulsory_bytes", (double)vit_cost_bytes(&cost)}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        vit_results_value(results, row[i].value, "counted from the graph and its plan", "%s", row[i].name);
    if (cost.macs > 0)
        vit_results_value(results, 100.0 * (double)attention / (double)cost.macs, "counted from the graph",
                          "attention_macs_pct");
}

/* Time of one kind of operators, and its share of all. */
static void record_share(struct vit_results *results, const struct vit_run_part *part, const char *name)
{
    const char *source = vit_results_text(results, "median and quartiles of %d runs", part->share_pct.n);
    vit_results_value(results, part->time_ns.median, source, "%s_ns", name);
    vit_results_add(results, (struct vit_result){.name = vit_results_text(results, "%s_pct", name),
                                                 .value = vit_real_cell(part->share_pct.median),
                                                 .low = vit_real_cell(part->share_pct.low),
                                                 .high = vit_real_cell(part->share_pct.high),
                                                 .source = source});
}

/* A sum over all operators of one column of the probes, or of two of the same source. */
static void record_bytes(struct vit_results *results, const struct vit_profile *p, const char *name,
                         const char *const column[2])
{
    const struct vit_traffic *t = &p->traffic;
    double sum = 0;
    struct vit_result result = {.name = name};
    for (int c = 0; c < 2 && column[c] && !result.reason; c++) {
        const int at = vit_traffic_find(t, column[c]),
                  of_session = vit_schema_find(vit_session_schema(&p->session), column[c]);
        if (of_session < 0)
            return; /* nobody asked */
        for (int s = 0; s < p->instance.plan.n_step && !result.reason; s++) {
            const struct vit_cell *cell = &t->step[s * t->n + at];
            if (!cell->present)
                result.reason = vit_results_text(results, "%s", vit_session_reason(&p->session, of_session));
            else
                sum += cell->r;
        }
        result.source = vit_results_text(results, "%s: %s", vit_tier_name(t->figure[at].tier), t->figure[at].source);
    }
    if (!result.reason)
        result.value = vit_real_cell(sum);
    vit_results_add(results, result);
}

static void record_traffic(struct vit_results *results, const struct vit_profile *p)
{
    static const struct {
        const char *name, *column[2];
    } rows[] = {
        {"sim_chained_l2_fill_bytes", {"sim_chained_l2_fill_bytes", NULL}},
        {"sim_chained_llc_bytes", {"sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes"}},
        {"sim_cold_llc_bytes", {"sim_cold_llc_fill_bytes", "sim_cold_llc_wb_bytes"}},
        {"measured_dram_read_bytes", {"measured_dram_read_bytes", NULL}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        record_bytes(results, p, rows[i].name, rows[i].column);
}

static void record_profile(struct vit_results *results, const struct vit_profile *p)
{
    struct vit_class_shares shares;
    const char *source = vit_results_text(results, "median and quartiles of %d runs", p->measurement.n_repeat);
    const struct vit_run_part attention = vit_run_part_of(p, is_attention, 0), mhsa = vit_run_part_of(p, is_mhsa, 0);
    vit_class_shares_of(&shares, p);
    vit_results_add(results, (struct vit_result){.name = "time_ns",
                                                 .value = vit_real_cell(p->plain.median),
                                                 .low = vit_real_cell(p->plain.low),
                                                 .high = vit_real_cell(p->plain.high),
                                                 .source = source});
    vit_results_value(results, p->measurement.n_repeat, "counted", "repeats");
    vit_results_value(results, shares.all_ns, source, "operators_ns");
    vit_results_value(results, 100 * p->overhead, source, "overhead_pct");
    record_share(results,
                 &(struct vit_run_part){.time_ns.median = shares.memory_bound_ns, .share_pct = shares.memory_bound_pct},
                 "memory_bound");
    record_share(results, &attention, "attention");
    record_share(results, &mhsa, "mhsa");
    record_traffic(results, p);
}

/* The graph and its plan, without memory for them. VIT_EINVAL where the network does not exist at this size. */
static int plan_alone(struct vit_results *results, const struct vit_unit *unit)
{
    static struct vit_recognised found; /* large */
    const struct vit_options *o = &unit->options;
    struct vit_graph graph;
    struct vit_plan plan;
    int status = vit_recognise_model(&found, o->argument[0], NULL, o->set);
    if (status == VIT_OK)
        status = vit_model_build(
            &graph, found.model,
            (struct vit_model_options){.batch = o->batch, .img = o->img, .classes = o->classes, .graph = o->graph});
    if (status != VIT_OK)
        return status;
    status = vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = o->threads, .kernel = o->kernel});
    if (status == VIT_OK) {
        record_plan(results, &plan);
        vit_plan_close(&plan);
    }
    vit_graph_close(&graph);
    return status;
}

int vit_resolution_measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct vit_profile profile; /* large; observers point into it */
    int status = plan_alone(results, unit);
    const bool exists = status != VIT_EINVAL;
    if (status == VIT_OK)
        status = vit_profile_open(&profile, unit->options.argument[0], &unit->options, r->machine);
    if (!exists || status == VIT_ENOMEM) {
        const char *reason = vit_results_text(results, "%s", vit_error());
        vit_results_add(results, (struct vit_result){.name = "time_ns", .reason = reason});
        return results->status;
    }
    if (status != VIT_OK)
        return status;
    record_profile(results, &profile);
    vit_profile_close(&profile);
    return results->status;
}
