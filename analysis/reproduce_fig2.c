/* SPDX-License-Identifier: MIT */
/* reproduce_fig2.c - Fig. 2: run time by class of operators for Swin-T, DeiT-T and EfficientViT, on every variant of
 * the graph that evaluates (graphs.def): the difference between variants is what folding and fusing remove. Beside
 * them, as in the text of section 2.1, Swin-T and DeiT-T with a fifth of attention among their layers, brought to 1.25
 * times the speed. */
#include "analysis/class_shares.h"
#include "analysis/reproduction.h"
#include "analysis/run_info.h"
#include "analysis/variant.h"
#include "model/base/status.h"
#include "model/base/text.h"
#include "model/rewrite.h"
#include "reports/gnuplot.h"

#include <math.h>
#include <string.h>

/* Those that the paper shows come first, and are swept over batches and threads. */
static const char *const models[] = {"swin_tiny", "deit_tiny", "efficientvit_m4", "efficientvit_m0", "efficientvit_m5"};
enum { N_MODELS = sizeof models / sizeof models[0], N_SWEPT = 3 };

struct point {
    const char *model, *graph;
    int batch, threads;
};

/* Batch and precision of the paper's figure are not known: the batch is that of its protocol on CPUs, where time
 * allows. */
static struct point reference(const struct vit_reproduction *r, const char *model, const char *graph)
{
    return (struct point){model, graph, r->budget == VIT_BUDGET_QUICK ? 1 : 16, 1};
}

/* Whether the variant computes what the model computes after training. */
static bool evaluates(const struct vit_graph_variant *variant)
{
    return !vit_text_listed(variant->rewrites, "batch_statistics");
}

static void record_share(struct vit_results *results, const char *name, const struct vit_summary *share,
                         const char *source)
{
    vit_results_add(results, (struct vit_result){.name = name,
                                                 .value = vit_real_cell(share->median),
                                                 .low = vit_real_cell(share->low),
                                                 .high = vit_real_cell(share->high),
                                                 .source = source});
}

static int record(struct vit_results *results, const struct vit_profile *p, const struct vit_class_shares *s)
{
    const char *source = vit_results_text(results, "median and quartiles of %d runs", s->repeats);
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++) {
        record_share(results, vit_results_text(results, "%s.share_pct", vit_paper_class[i].name), &s->share_pct[i],
                     source);
        vit_results_value(results, s->time_ns[i], source, "%s.time_ns", vit_paper_class[i].name);
        vit_results_value(results, s->operators[i], "counted", "%s.operators", vit_paper_class[i].name);
    }
    record_share(results, "memory_bound_pct", &s->memory_bound_pct, source);
    vit_results_value(results, s->memory_bound_ns, source, "memory_bound_ns");
    vit_results_value(results, s->all_ns, source, "operators_ns");
    vit_results_value(results, p->instance.graph.batch * 1e9 / p->plain.median, source, "images_per_s");
    vit_results_value(results, s->repeats, "counted", "repeats");
    return results->status;
}

static int measure(struct vit_reproduction *r, const struct vit_unit *unit, struct vit_results *results)
{
    static struct vit_profile profile; /* large; observers point into it */
    struct vit_class_shares shares;
    char folder[4200];
    int status = vit_unit_folder(folder, sizeof folder, r, unit);
    if (status == VIT_OK)
        status = vit_profile_open(&profile, unit->options.argument[0], &unit->options, r->machine);
    if (status != VIT_OK)
        return status;
    vit_class_shares_of(&shares, &profile);
    status = record(results, &profile, &shares);
    if (status == VIT_OK)
        status = vit_profile_write(&profile, folder);
    vit_profile_close(&profile);
    return status;
}

static struct vit_unit unit_of(const struct vit_reproduction *r, struct point at)
{
    struct vit_unit unit = vit_unit_of(r, "shares.%s.%s.b%d.t%d", at.model, at.graph, at.batch, at.threads);
    unit.measure = measure;
    unit.expected_s = 2 + 0.5 * at.batch;
    unit.options.argument[unit.options.n_argument++] = at.model;
    unit.options.graph = at.graph;
    unit.options.batch = at.batch;
    unit.options.threads = at.threads;
    unit.options.probes = "wall_time,traffic";
    unit.options.min_time_s = r->budget == VIT_BUDGET_QUICK ? 1 : r->budget == VIT_BUDGET_NORMAL ? 3 : 20;
    unit.options.repeat = r->budget == VIT_BUDGET_NORMAL ? 5 : 20; /* quick: one image a run, so many are cheap */
    return unit;
}

/* Calls for each point of the figure: the reference of each model and graph, then the sweeps of the first models. */
static int each_point(struct vit_reproduction *r, int (*visit)(struct vit_reproduction *r, struct point at))
{
    static const int batch[] = {1, 4, 16, 64};
    int n_batch = r->budget == VIT_BUDGET_QUICK ? 0 : r->budget == VIT_BUDGET_NORMAL ? 3 : 4;
    int n_models = r->budget == VIT_BUDGET_QUICK ? N_SWEPT : N_MODELS, status = VIT_OK;
    for (int m = 0; m < n_models; m++)
        for (int g = 0; g < vit_n_graph_variants && status == VIT_OK; g++) {
            if (!evaluates(&vit_graph_variants[g]))
                continue;
            struct point at = reference(r, models[m], vit_graph_variants[g].name);
            int batch_of_reference = at.batch;
            status = visit(r, at);
            for (int b = 0; b < n_batch && m < N_SWEPT && status == VIT_OK; b++) {
                at.batch = batch[b];
                status = at.batch == batch_of_reference ? VIT_OK : visit(r, at);
            }
            at.batch = batch_of_reference;
            for (at.threads = 2; n_batch && m < N_SWEPT && at.threads <= r->options->threads && status == VIT_OK;
                 at.threads *= 2)
                status = visit(r, at);
        }
    return status;
}

static int plan_point(struct vit_reproduction *r, struct point at)
{
    struct vit_unit unit = unit_of(r, at);
    return vit_reproduction_add(r, &unit);
}

/* Networks of less attention. How the paper made its own faster is not known: here width, then depth (variant.h). */
static const char *const mixed_models[] = {"swin_tiny", "deit_tiny"};
enum { N_MIXED = sizeof mixed_models / sizeof mixed_models[0] };
static const struct vit_variant mixed = {
    .change = "mhsa_share=0.2", .hold = {VIT_HELD_THROUGHPUT, 1.25}, .shares_batch = 16};

static struct vit_unit mixed_unit_of(const struct vit_reproduction *r, const char *model)
{
    struct vit_unit unit = vit_unit_of(r, "mhsa20.%s.1.25x", model);
    unit.measure = vit_variant_measure;
    unit.context = &mixed;
    unit.expected_s = r->budget == VIT_BUDGET_NORMAL ? 60 : 240;
    unit.options.argument[unit.options.n_argument++] = model;
    unit.options.min_time_s = r->budget == VIT_BUDGET_NORMAL ? 3 : 20;
    return unit;
}

static int plan(struct vit_reproduction *r)
{
    int status = each_point(r, plan_point);
    for (int i = 0; i < N_MIXED && r->budget != VIT_BUDGET_QUICK && status == VIT_OK; i++) {
        const struct vit_unit unit = mixed_unit_of(r, mixed_models[i]);
        status = vit_reproduction_add(r, &unit);
    }
    return status;
}

static struct vit_summary share_of(const struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    const struct vit_result *share = vit_unit_result(r, unit, name);
    return share && share->value.present
               ? (struct vit_summary){.median = share->value.r, .low = share->low.r, .high = share->high.r}
               : (struct vit_summary){.median = NAN, .low = NAN, .high = NAN};
}

/* Back from results to what the rows of the figure are made of. */
static struct vit_class_shares shares_of(const struct vit_reproduction *r, const struct vit_unit *unit)
{
    struct vit_class_shares s = {.measured = true,
                                 .graph = unit->options.graph,
                                 .batch = unit->options.batch,
                                 .image_size = 224,
                                 .threads = unit->options.threads,
                                 .repeats = (int)vit_unit_real(r, unit, "repeats"),
                                 .memory_bound_pct = share_of(r, unit, "memory_bound_pct")};
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s.share_pct", vit_paper_class[i].name);
        s.share_pct[i] = share_of(r, unit, name);
        snprintf(name, sizeof name, "%s.time_ns", vit_paper_class[i].name);
        s.time_ns[i] = vit_unit_real(r, unit, name);
        snprintf(name, sizeof name, "%s.operators", vit_paper_class[i].name);
        s.operators[i] = (int)vit_unit_real(r, unit, name);
    }
    return s;
}

/* The figure's own results, which claims name: MODEL.GRAPH.memory_bound_pct, its classes, and what is left of the eager
 * graph's memory-bound time. */
static void derive(struct vit_reproduction *r, const struct vit_unit *unit, const struct vit_unit *eager)
{
    const char *model = unit->options.argument[0], *graph = unit->options.graph;
    const struct vit_result *bound = vit_unit_result(r, unit, "memory_bound_pct");
    struct vit_class_shares s = shares_of(r, unit);
    if (!bound)
        return;
    struct vit_result named = *bound; /* a copy: results move as they grow */
    named.name = vit_results_text(&r->results, "%s.%s.memory_bound_pct", model, graph);
    vit_results_add(&r->results, named);
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++)
        record_share(&r->results,
                     vit_results_text(&r->results, "%s.%s.%s.share_pct", model, graph, vit_paper_class[i].name),
                     &s.share_pct[i], named.source);
    if (unit == eager)
        return;
    vit_results_value(
        &r->results, 100 * (1 - vit_unit_real(r, unit, "memory_bound_ns") / vit_unit_real(r, eager, "memory_bound_ns")),
        "1 - memory-bound time / that of the eager graph", "%s.%s.memory_bound_removed_pct", model, graph);
}

/* The unit of the model's reference point in this variant; NULL when it was not planned. */
static const struct vit_unit *reference_unit(const struct vit_reproduction *r, const char *model, const char *graph)
{
    struct vit_unit wanted = unit_of(r, reference(r, model, graph));
    for (int i = 0; i < r->n_unit; i++)
        if (strcmp(r->unit[i].key, wanted.key) == 0)
            return &r->unit[i];
    return NULL;
}

static int put_model(struct vit_reproduction *r, struct vit_sink *sink, const char *model, int *bars)
{
    struct vit_class_shares shares;
    bool has_paper;
    int status = vit_class_shares_paper(&shares, model, &has_paper);
    if (status == VIT_OK && has_paper) {
        status = vit_class_shares_emit(sink, model, "paper", &shares);
        ++*bars;
    }
    const struct vit_unit *eager = reference_unit(r, model, "eager");
    for (int g = 0; g < vit_n_graph_variants && status == VIT_OK; g++) {
        const struct vit_unit *unit = reference_unit(r, model, vit_graph_variants[g].name);
        if (!unit)
            continue;
        derive(r, unit, eager);
        shares = shares_of(r, unit);
        status = vit_class_shares_emit(sink, model, unit->options.graph, &shares);
        ++*bars;
    }
    return status;
}

/* memory_bound.csv: the bars of the figure. */
static int write_bars(struct vit_reproduction *r, int *bars)
{
    struct vit_sink sink;
    int status = vit_reproduction_csv(r, &sink, "memory_bound", &vit_class_shares_schema);
    if (status != VIT_OK)
        return status;
    for (int m = 0; m < N_MODELS && status == VIT_OK; m++)
        status = reference_unit(r, models[m], "eager") ? put_model(r, &sink, models[m], bars) : VIT_OK;
    return vit_sink_finish(&sink, status);
}

/* memory_bound_sweep.csv: every point that was measured. */
static int write_sweep(struct vit_reproduction *r)
{
    static const struct vit_column columns[] = {
        {"model", VIT_TEXT, "", "model"},
        {"graph", VIT_TEXT, "", "variant of the graph"},
        {"batch", VIT_INT, "", "images per forward"},
        {"threads", VIT_INT, "", "threads"},
        {"memory_bound_pct", VIT_REAL, "%", "share of reshape, normalization, copy and addition, median over the runs"},
        {"low_pct", VIT_REAL, "%", "first quartile over the runs"},
        {"high_pct", VIT_REAL, "%", "third quartile"},
        {"memory_bound_ns", VIT_REAL, "ns", "their time in one forward, median over the runs"},
        {"operators_ns", VIT_REAL, "ns", "time of all operators in one forward, median over the runs"},
        {"images_per_s", VIT_REAL, "", "of plain runs"},
    };
    static const struct vit_schema schema = {"memory_bound_sweep", 1, sizeof columns / sizeof columns[0], columns};
    struct vit_sink sink;
    int status = vit_reproduction_csv(r, &sink, "memory_bound_sweep", &schema);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        const struct vit_unit *unit = &r->unit[i];
        const struct vit_result *bound = vit_unit_result(r, unit, "memory_bound_pct");
        if (!bound || unit->measure != measure)
            continue;
        const struct vit_cell row[] = {vit_text(unit->options.argument[0]),
                                       vit_text(unit->options.graph),
                                       vit_int(unit->options.batch),
                                       vit_int(unit->options.threads),
                                       bound->value,
                                       bound->low,
                                       bound->high,
                                       vit_real_cell(vit_unit_real(r, unit, "memory_bound_ns")),
                                       vit_real_cell(vit_unit_real(r, unit, "operators_ns")),
                                       vit_real_cell(vit_unit_real(r, unit, "images_per_s"))};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

static int draw_sweep(const struct vit_reproduction *r, const char *axis)
{
    char data[4200], output[4200], subtitle[160], fixed[16];
    snprintf(data, sizeof data, "%s/memory_bound_sweep.csv", r->folder);
    snprintf(output, sizeof output, "%s/memory_bound_%s", r->folder, axis);
    struct point at = reference(r, models[0], "eager");
    bool by_batch = strcmp(axis, "batch") == 0;
    snprintf(fixed, sizeof fixed, "%d", by_batch ? at.threads : at.batch);
    if (by_batch)
        snprintf(subtitle, sizeof subtitle, "1 thread; bars: quartiles over the runs");
    else
        snprintf(subtitle, sizeof subtitle, "batch %d; bars: quartiles over the runs", at.batch);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH},
        {"title", "Share of the run time in memory-bound operators", VIT_PLOT_TEXT},
        {"subtitle", subtitle, VIT_PLOT_TEXT},
        {"axis", axis, VIT_PLOT_TEXT},
        {"fixed", fixed, VIT_PLOT_NUMBER}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "memory_bound_sweep", .output = output, .variable = variable, .n_variable = 5});
}

/* block_time_MODEL: time by block and class, eager graph. */
static int draw_blocks(const struct vit_reproduction *r, const char *model)
{
    char data[4400], output[4200], subtitle[160];
    const struct vit_unit *unit = reference_unit(r, model, "eager");
    if (!unit)
        return VIT_OK;
    snprintf(data, sizeof data, "%s/units/%s/blocks.csv", r->root, unit->key);
    snprintf(output, sizeof output, "%s/block_time_%s", r->folder, model);
    snprintf(subtitle, sizeof subtitle, "%s, eager graph, batch %d, 1 thread", model, unit->options.batch);
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"title", "Run time by block and class of operators", VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "block_time", .output = output, .variable = variable, .n_variable = 3});
}

static int draw(const struct vit_reproduction *r, int bars)
{
    char subtitle[200];
    struct point at = reference(r, models[0], "eager");
    snprintf(subtitle, sizeof subtitle, "paper: GPU, PyTorch; here: batch %d, 1 thread, 224 x 224, medians", at.batch);
    int status = vit_class_shares_draw(r->folder, subtitle, bars);
    for (int m = 0; m < N_SWEPT && status == VIT_OK; m++)
        status = draw_blocks(r, models[m]);
    if (status == VIT_OK && r->budget != VIT_BUDGET_QUICK)
        status = draw_sweep(r, "batch");
    if (status == VIT_OK && r->budget != VIT_BUDGET_QUICK && r->options->threads > 1)
        status = draw_sweep(r, "threads");
    return status;
}

/* MODEL_1.25x_mhsa20.GRAPH.QUANTITY: the names that claims use. */
static void derive_mixed(struct vit_reproduction *r)
{
    static const char *const quantities[][2] = {{"memory_bound_pct", "eager.memory_bound_pct"},
                                                {"speed_ratio", "folded.speed_ratio"},
                                                {"mhsa_share_pct", "mhsa_share_pct"},
                                                {"width_factor", "width_factor"}};
    for (int i = 0; i < N_MIXED; i++)
        for (size_t k = 0; k < sizeof quantities / sizeof quantities[0]; k++) {
            const struct vit_unit unit = mixed_unit_of(r, mixed_models[i]);
            const struct vit_result *found = vit_unit_result(r, &unit, quantities[k][0]);
            if (!found)
                continue;
            struct vit_result named = *found; /* a copy: results move as they grow */
            named.name = vit_results_text(&r->results, "%s_1.25x_mhsa20.%s", mixed_models[i], quantities[k][1]);
            vit_results_add(&r->results, named);
        }
}

static int finish(struct vit_reproduction *r)
{
    int bars = 0, status = write_bars(r, &bars);
    derive_mixed(r);
    if (status == VIT_OK)
        status = write_sweep(r);
    if (status == VIT_OK)
        status = vit_class_map_write(r->folder);
    return status == VIT_OK && vit_plot_available() ? draw(r, bars) : status;
}

const struct vit_reproduction_def vit_reproduction_fig2 = {
    .name = "fig2",
    .title = "Fig. 2: run time by class of operators",
    .detail =
        "  Every operator of the eager graph and of each further variant, timed and summed by the paper's classes\n"
        "  (class_map.csv: the paper does not tell its map), by block, and what variants remove of the\n"
        "  memory-bound time. quick: batch 1; normal: batch 16, sweeps of batch and threads, and Swin-T and DeiT-T\n"
        "  with 20 % attention at 1.25 times the speed; full: longer.\n",
    .plan = plan,
    .finish = finish,
};
