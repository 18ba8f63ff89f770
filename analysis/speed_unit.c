/* SPDX-License-Identifier: MIT */
#include "analysis/speed_unit.h"

#include "analysis/runner.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 };

/* The least budget of each model; networks without published weights are for tests. */
static const struct {
    const char *model;
    enum vit_budget least;
} models[] = {
    {"efficientvit_m0", VIT_BUDGET_QUICK},
    {"efficientvit_m1", VIT_BUDGET_QUICK},
    {"efficientvit_m2", VIT_BUDGET_QUICK},
    {"efficientvit_m3", VIT_BUDGET_QUICK},
    {"efficientvit_m4", VIT_BUDGET_QUICK},
    {"efficientvit_m5", VIT_BUDGET_QUICK},
    {"mobilenetv2_100", VIT_BUDGET_QUICK},
    {"mobilenetv3_large_100", VIT_BUDGET_QUICK},
    {"mobilenetv3_small_100", VIT_BUDGET_QUICK},
    {"efficientnet_b0", VIT_BUDGET_QUICK},
    {"deit_tiny", VIT_BUDGET_QUICK},
    {"swin_tiny", VIT_BUDGET_NORMAL},
    {"deit_small", VIT_BUDGET_NORMAL},
    {"swin_small", VIT_BUDGET_FULL},
    {"swin_base", VIT_BUDGET_FULL},
    {"deit_base", VIT_BUDGET_FULL},
};
enum { N_MODELS = sizeof models / sizeof models[0] };

static const char *protocol_of(const struct vit_reproduction *r)
{
    return r->budget == VIT_BUDGET_QUICK ? "quick" : "paper";
}

static void record(struct vit_results *results, struct vit_instance *instance, const struct vit_summary *s)
{
    const double images = instance->graph.batch * 1e9;
    vit_results_add(results, (struct vit_result){.name = "images_per_s",
                                                 .value = vit_real_cell(images / s->median),
                                                 .low = vit_real_cell(images / s->high),
                                                 .high = vit_real_cell(images / s->low),
                                                 .source = vit_results_text(results, "median of %d runs", s->n)});
    vit_results_value(results, images / s->mean, "the paper's statistic: batch / mean time", "mean_images_per_s");
    vit_results_value(results, (double)vit_plan_cost(&instance->plan).macs / instance->graph.batch / 1e6,
                      "counted from the graph", "macs_M");
    vit_results_value(results, (double)vit_graph_parameters(&instance->graph) / 1e6,
                      "counted from the graph, norms folded", "params_M");
}

static int measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    struct vit_instance instance;
    const struct vit_options *o = &unit->options;
    const struct vit_protocol *protocol = vit_protocol_find(o->protocol);
    double *times = NULL;
    int n, status = protocol ? VIT_OK : VIT_EINVAL;
    (void)r;
    if (status == VIT_OK)
        status = vit_instance_open(&instance, o->argument[0],
                                   &(struct vit_instance_options){.model = {.batch = o->batch, .graph = o->graph},
                                                                  .threads = o->threads,
                                                                  .seed = o->seed});
    if (status != VIT_OK)
        return status;
    status = vit_runner_time(&instance, protocol, &times, &n);
    if (status == VIT_OK) {
        const struct vit_summary summary = vit_stats_summary(times, n);
        record(results, &instance, &summary);
    }
    free(times);
    vit_instance_close(&instance);
    return status;
}

int vit_speed_units_plan(struct vit_reproduction *r)
{
    int status = VIT_OK;
    for (int i = 0; i < N_MODELS && status == VIT_OK; i++) {
        if (r->budget < models[i].least)
            continue;
        struct vit_unit unit = vit_unit_of(r, "speed.%s.%s", models[i].model, protocol_of(r));
        unit.measure = measure;
        unit.expected_s = r->budget == VIT_BUDGET_QUICK ? 4 : 75;
        unit.options.argument[unit.options.n_argument++] = models[i].model;
        unit.options.graph = "folded";
        unit.options.batch = BATCH;
        unit.options.threads = 1;
        unit.options.protocol = protocol_of(r);
        status = vit_reproduction_add(r, &unit);
    }
    return status;
}

const struct vit_model_def *vit_speed_unit_model(const struct vit_unit *unit)
{
    return vit_model_find(unit->options.argument[0]);
}

void vit_speed_units_name(struct vit_reproduction *r)
{
    static const char *const name[] = {"images_per_s", "macs_M", "params_M"};
    for (int i = 0; i < r->n_unit; i++)
        for (size_t k = 0; k < sizeof name / sizeof name[0]; k++) {
            const struct vit_result *found = vit_unit_result(r, &r->unit[i], name[k]);
            if (!found)
                continue;
            struct vit_result named = *found;
            named.name = vit_results_text(&r->results, "%s.%s", r->unit[i].options.argument[0], name[k]);
            vit_results_add(&r->results, named);
        }
}

static const struct vit_result *speed_of(const struct vit_reproduction *r, const char *model)
{
    char name[96];
    snprintf(name, sizeof name, "%s.images_per_s", model);
    return vit_results_find(&r->results, name);
}

/* Low and high: the quartiles that are farthest apart. */
void vit_speed_ratio(struct vit_reproduction *r, const char *a, const char *b)
{
    const struct vit_result *over = speed_of(r, a), *under = speed_of(r, b);
    if (!over || !under)
        return;
    const struct vit_result ratio = {
        .name = vit_results_text(&r->results, "%s_by_%s.images_per_s_ratio", a, b),
        .value = vit_real_cell(over->value.r / under->value.r),
        .low = vit_real_cell(over->low.r / under->high.r),
        .high = vit_real_cell(over->high.r / under->low.r),
        .source = "ratio of medians; interval: of quartiles",
    };
    vit_results_add(&r->results, ratio);
}

void vit_speed_settings(const struct vit_reproduction *r, char *text, size_t size)
{
    const struct vit_protocol *protocol = vit_protocol_find(protocol_of(r));
    snprintf(text, size, "folded graph, batch %d, 1 thread, %g s of warm-up, %g s", BATCH, protocol->warmup_s,
             protocol->min_time_s);
}
