/* SPDX-License-Identifier: MIT */
#include "analysis/variant.h"

#include "analysis/class_shares.h"
#include "analysis/network_scale.h"
#include "analysis/profile_traffic.h"
#include "analysis/proxy_training.h"
#include "model/base/status.h"
#include "model/zoo/block_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum vit_held what;
} held_names[] = {{"throughput", VIT_HELD_THROUGHPUT},
                  {"macs", VIT_HELD_MACS},
                  {"params", VIT_HELD_PARAMS},
                  {"bytes", VIT_HELD_BYTES}};

int vit_hold_parse(struct vit_hold *hold, const char *text)
{
    const size_t length = strcspn(text, "=");
    char *end = NULL;
    *hold = (struct vit_hold){.factor = 1};
    for (size_t i = 0; i < sizeof held_names / sizeof held_names[0]; i++)
        if (strlen(held_names[i].name) == length && memcmp(held_names[i].name, text, length) == 0)
            hold->what = held_names[i].what;
    if (text[length] == '=')
        hold->factor = strtod(text + length + 1, &end);
    if (hold->what == VIT_HELD_NOTHING || (end && (end == text + length + 1 || *end)) ||
        !(hold->factor >= 0.1 && hold->factor <= 10))
        return vit_fail(VIT_EINVAL,
                        "%s: takes throughput, macs, params or bytes, and a factor from 0.1 to 10 of the base's: "
                        "throughput=1.25",
                        text);
    return VIT_OK;
}

double vit_hold_tolerance(const struct vit_hold *hold)
{
    return hold->what == VIT_HELD_THROUGHPUT ? 0.03 : 0.01;
}

/* What one image costs. */
struct counts {
    struct vit_cost cost;
    int64_t params, params_folded;
    size_t live_bytes;
};

static int count_folded(int64_t *params, const struct vit_model_def *model)
{
    struct vit_graph graph;
    int status = vit_model_build(&graph, model, (struct vit_model_options){.graph = "folded"});
    if (status != VIT_OK)
        return status;
    *params = vit_graph_parameters(&graph);
    vit_graph_close(&graph);
    return VIT_OK;
}

static int count(struct counts *counts, const struct vit_model_def *model)
{
    struct vit_graph graph;
    struct vit_plan plan;
    int status = count_folded(&counts->params_folded, model);
    if (status == VIT_OK)
        status = vit_model_build(&graph, model, (struct vit_model_options){.graph = "eager"});
    if (status != VIT_OK)
        return status;
    status = vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1});
    if (status == VIT_OK) {
        counts->cost = vit_plan_cost(&plan);
        counts->params = vit_graph_parameters(&graph);
        counts->live_bytes = plan.peak_live_bytes;
        vit_plan_close(&plan);
    }
    vit_graph_close(&graph);
    return status;
}

/* A variant and its base while they are measured. */
struct work {
    const struct vit_unit *unit;
    const struct vit_variant *variant;
    struct vit_model_def base, model; /* model: of which the variant has the configuration */
    struct vit_protocol protocol;
    struct vit_instance reference; /* of the base; not open where nothing is timed */
    struct counts counts;          /* of the base */
};

static int open_timed(struct vit_instance *instance, const struct vit_model_def *model, const struct work *w)
{
    return vit_instance_open_model(
        instance, model,
        &(struct vit_instance_options){
            .model = {.batch = VIT_VARIANT_BATCH, .graph = "folded"}, .threads = 1, .seed = w->unit->options.seed});
}

static int time_pairs(struct vit_pairs *pairs, struct work *w, const struct vit_model_def *model)
{
    static struct vit_instance instance; /* large */
    int status = open_timed(&instance, model, w);
    if (status != VIT_OK)
        return status;
    status = vit_runner_compare(pairs, &w->reference, &instance, &w->protocol);
    vit_instance_close(&instance);
    return status;
}

static double counted(const struct counts *c, enum vit_held what)
{
    return what == VIT_HELD_MACS     ? (double)c->cost.macs
           : what == VIT_HELD_PARAMS ? (double)c->params
                                     : (double)vit_cost_bytes(&c->cost);
}

/* By the base's own. */
static int held_ratio(void *context, const struct vit_model_config *config, double *ratio)
{
    struct work *w = context;
    struct vit_model_def model = w->model;
    const enum vit_held what = w->variant->hold.what;
    struct vit_pairs pairs;
    struct counts counts;
    model.config = *config;
    int status = what == VIT_HELD_THROUGHPUT ? time_pairs(&pairs, w, &model) : count(&counts, &model);
    if (status != VIT_OK)
        return status;
    *ratio = what == VIT_HELD_THROUGHPUT ? pairs.speed.median : counted(&counts, what) / counted(&w->counts, what);
    return VIT_OK;
}

static int record_network(struct work *w, const struct vit_scale_found *found, struct vit_results *results)
{
    const struct vit_hold hold = w->variant->hold;
    char *network = vit_config_differences(&w->model.config, &w->base.config, w->base.family->name);
    if (!network)
        return VIT_ENOMEM;
    vit_results_value(results, found->scale.width, network, "width_factor");
    free(network);
    vit_results_value(results, found->scale.blocks, "blocks of the deepest stage", "blocks_added");
    if (hold.what == VIT_HELD_NOTHING)
        return results->status;
    vit_results_value(results, found->tried, "counted", "networks_tried");
    vit_results_value(results, found->value / hold.factor,
                      found->reached ? "of the search; by the value wanted" : "the nearest that the search found",
                      "held_ratio");
    return results->status;
}

/* Settings on top of the base's. */
static const char *network_of(const struct vit_results *results)
{
    const struct vit_result *found = vit_results_find(results, "width_factor");
    return found && found->source ? found->source : "";
}

/* Brings the model to what is held. */
static int scale(struct work *w, struct vit_results *results)
{
    const struct vit_hold hold = w->variant->hold;
    struct vit_scale_found found = {.config = w->model.config, .scale = {.width = 1}};
    const struct vit_scale_search search = {.config = &w->model.config,
                                            .family = w->model.family->name,
                                            .target = hold.factor,
                                            .tolerance = vit_hold_tolerance(&hold),
                                            .falls = hold.what == VIT_HELD_THROUGHPUT,
                                            .value = held_ratio,
                                            .context = w};
    int status = hold.what == VIT_HELD_NOTHING ? VIT_OK : vit_network_search(&found, &search);
    if (status != VIT_OK)
        return status;
    w->model.config = found.config;
    return record_network(w, &found, results);
}

/* A training goes on after a kill with the network that it began with: times would lead to another one. */
static int scale_once(struct work *w, const struct vit_reproduction *r, struct vit_results *results)
{
    bool there = false;
    if (!w->variant->train)
        return scale(w, results);
    int status = vit_unit_recall(r, w->unit, results, "network", &there);
    if (status == VIT_OK && there) {
        w->model.config = w->base.config;
        return vit_config_set(&w->model.config, w->model.family->name, network_of(results));
    }
    if (status == VIT_OK)
        status = scale(w, results);
    return status == VIT_OK ? vit_unit_keep(r, w->unit, results, "network") : status;
}

static void record_counts(struct vit_results *results, const struct counts *c)
{
    const struct {
        const char *name;
        double value;
    } row[] = {{"params", (double)c->params},
               {"params_folded", (double)c->params_folded},
               {"macs", (double)c->cost.macs},
               {"flops", (double)c->cost.flops},
               {"compulsory_bytes", (double)vit_cost_bytes(&c->cost)},
               {"live_bytes", (double)c->live_bytes}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        vit_results_value(results, row[i].value, "counted from the graph, one image", "%s", row[i].name);
}

/* Depths are whole numbers: a search for speed can move the share from what was asked for. */
static void record_attention(struct vit_results *results, const struct vit_model_config *c)
{
    const int layers = vit_layout_layers_per_block(c) * vit_layout_blocks_before(c, c->stages);
    struct vit_result share = {.name = "mhsa_share_pct", .reason = "a network without blocks of layers"};
    int attention = 0;
    for (int i = 0; i < layers; i++)
        attention += vit_layout_is_attention(c, i);
    if (layers > 0) {
        share.value = vit_real_cell(100.0 * attention / layers);
        share.source = vit_results_text(results, "%d of %d layers", attention, layers);
        share.reason = NULL;
    }
    vit_results_add(results, share);
}

/* Once more, not the times that the search stopped at: those are near the target because they were chosen so. */
static int record_times(struct work *w, struct vit_results *results)
{
    struct vit_pairs pairs;
    int status = time_pairs(&pairs, w, &w->model);
    if (status != VIT_OK)
        return status;
    const double images = VIT_VARIANT_BATCH * 1e9;
    const char *source = vit_results_text(results, "median and quartiles of %d pairs with the base, batch %d, 1 thread",
                                          pairs.speed.n, VIT_VARIANT_BATCH);
    const struct {
        const char *name;
        double value, low, high;
    } row[] = {{"images_per_s", images / pairs.b_ns.median, images / pairs.b_ns.high, images / pairs.b_ns.low},
               {"base_images_per_s", images / pairs.a_ns.median, images / pairs.a_ns.high, images / pairs.a_ns.low},
               {"speed_ratio", pairs.speed.median, pairs.speed.low, pairs.speed.high}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        vit_results_add(results, (struct vit_result){.name = row[i].name,
                                                     .value = vit_real_cell(row[i].value),
                                                     .low = vit_real_cell(row[i].low),
                                                     .high = vit_real_cell(row[i].high),
                                                     .source = source});
    return results->status;
}

/* False where a step has none. */
static bool add_column(double *sum, const struct vit_profile *p, const char *name)
{
    const int column = vit_traffic_find(&p->traffic, name);
    if (column < 0)
        return false;
    for (int s = 0; s < p->instance.plan.n_step; s++) {
        const struct vit_cell *cell = &p->traffic.step[s * p->traffic.n + column];
        if (!cell->present)
            return false;
        *sum += cell->r;
    }
    return true;
}

/* What the traffic probe simulates; absent where it was not asked to. */
static void record_traffic(struct vit_results *results, const struct vit_profile *p)
{
    static const struct {
        const char *name, *source, *column[2]; /* of which the sum is taken; the second may be NULL */
    } traffic[] = {
        {"sim_l2_bytes", "simulated: fetched into the second cache, one image", {"sim_chained_l2_fill_bytes", NULL}},
        {"sim_memory_bytes",
         "simulated: filled from and written back to memory by the last cache, one image",
         {"sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes"}}};
    for (size_t i = 0; i < sizeof traffic / sizeof traffic[0]; i++) {
        struct vit_result result = {.name = traffic[i].name, .reason = "not simulated: --traffic simulated"};
        double sum = 0;
        bool all = true;
        for (int k = 0; k < 2 && traffic[i].column[k]; k++)
            all = all && add_column(&sum, p, traffic[i].column[k]);
        if (all) {
            result.value = vit_real_cell(sum);
            result.source = traffic[i].source;
            result.reason = NULL;
        }
        vit_results_add(results, result);
    }
}

/* Shares of the eager graph on one thread. */
static int record_shares(struct work *w, const struct vit_machine *machine, const char *set,
                         struct vit_results *results)
{
    static struct vit_profile profile; /* large; observers point into it */
    static struct vit_options options;
    struct vit_class_shares shares;
    options = w->unit->options;
    options.set = set;
    options.graph = "eager";
    options.batch = w->variant->shares_batch ? w->variant->shares_batch : 1;
    options.threads = 1;
    options.img = w->model.config.img;
    options.data = NULL; /* of training: times do not depend on images */
    options.probes = "wall_time,traffic";
    int status = vit_profile_open(&profile, options.argument[0], &options, machine);
    if (status != VIT_OK)
        return status;
    vit_class_shares_of(&shares, &profile);
    vit_results_add(results, (struct vit_result){.name = "memory_bound_pct",
                                                 .value = vit_real_cell(shares.memory_bound_pct.median),
                                                 .low = vit_real_cell(shares.memory_bound_pct.low),
                                                 .high = vit_real_cell(shares.memory_bound_pct.high),
                                                 .source = vit_results_text(results,
                                                                            "median and quartiles of %d runs, eager "
                                                                            "graph, batch %d, 1 thread",
                                                                            shares.repeats, options.batch)});
    record_traffic(results, &profile);
    vit_profile_close(&profile);
    return results->status;
}

static int train(const struct work *w, struct vit_reproduction *r, const char *set, struct vit_results *results)
{
    char folder[4200];
    int status = vit_unit_folder(folder, sizeof folder, r, w->unit);
    if (status != VIT_OK)
        return status;
    return vit_proxy_training_run(&(struct vit_proxy_training){.options = &w->unit->options,
                                                               .model = w->unit->options.argument[0],
                                                               .set = set,
                                                               .img = w->model.config.img,
                                                               .folder = folder},
                                  results);
}

/* What is asked of a network that exists; the reference is open where times are. */
static int measure(struct work *w, struct vit_reproduction *r, struct vit_results *results)
{
    struct counts counts;
    int status = scale_once(w, r, results);
    if (status == VIT_OK)
        status = count(&counts, &w->model);
    if (status != VIT_OK)
        return status;
    record_counts(results, &counts);
    vit_results_value(results, (double)w->counts.cost.macs, "counted from the graph of the base, one image",
                      "base_macs");
    record_attention(results, &w->model.config);
    const char *own = w->unit->options.set;
    const char *set = vit_results_text(results, "%s%s%s", own ? own : "", own ? " " : "", network_of(results));
    if (!w->variant->untimed)
        status = record_times(w, results);
    if (status == VIT_OK && !w->variant->untimed)
        status = record_shares(w, r->machine, set, results);
    if (status == VIT_OK && w->variant->train)
        return train(w, r, set, results);
    vit_results_add(results, (struct vit_result){.name = "top1_pct", .reason = "not trained"});
    return status;
}

static int open_base(struct work *w)
{
    static struct vit_recognised found; /* large */
    const struct vit_options *o = &w->unit->options;
    int status = vit_recognise_model(&found, o->argument[0], NULL, o->set);
    if (status != VIT_OK)
        return status;
    w->base = *found.model;
    if (o->img)
        w->base.config.img = o->img;
    status = count(&w->counts, &w->base);
    w->model = w->base;
    if (status == VIT_OK)
        status = vit_config_set(&w->model.config, w->model.family->name, w->variant->change);
    return status;
}

int vit_variant_measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct work w; /* large */
    struct counts unscaled;
    w = (struct work){.unit = unit, .variant = unit->context, .protocol = vit_profile_protocol(&unit->options)};
    int status = open_base(&w);
    if (status != VIT_OK)
        return status;
    status = count(&unscaled, &w.model);
    if (status == VIT_EINVAL) {
        vit_results_add(results,
                        (struct vit_result){.name = "params", .reason = vit_results_text(results, "%s", vit_error())});
        return results->status;
    }
    const bool timed = !w.variant->untimed || w.variant->hold.what == VIT_HELD_THROUGHPUT;
    if (status == VIT_OK && timed)
        status = open_timed(&w.reference, &w.base, &w);
    if (status != VIT_OK)
        return status;
    status = measure(&w, r, results);
    if (timed)
        vit_instance_close(&w.reference);
    return status;
}
