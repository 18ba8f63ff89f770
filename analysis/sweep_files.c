/* SPDX-License-Identifier: MIT */
/* sweep_files.c - sweep.csv, the table for readers and the figure. */
#include "analysis/output.h"
#include "analysis/sweep.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <string.h>

/* Named results of a point, in the order of columns. shown: for readers too. */
static const struct {
    struct vit_column column;
    bool shown;
} figures[] = {
    {{"mhsa_share_pct", VIT_REAL, "%", "attention layers by all layers, after the search"}, false},
    {{"params", VIT_REAL, "count", "learned numbers, eager graph"}, true},
    {{"params_folded", VIT_REAL, "count", "learned numbers after batch norm folding"}, false},
    {{"macs", VIT_REAL, "MAC", "multiply-accumulates of one image"}, true},
    {{"flops", VIT_REAL, "FLOP", "2 * macs and all other arithmetic of the eager graph, one image"}, false},
    {{"compulsory_bytes", VIT_REAL, "B", "inputs, weights and outputs of all operators, eager graph, one image"},
     false},
    {{"live_bytes", VIT_REAL, "B", "largest sum of results alive at once, one image, eager graph"}, false},
    {{"sim_l2_bytes", VIT_REAL, "B", "simulated: fetched into the second cache, one image"}, false},
    {{"sim_memory_bytes", VIT_REAL, "B", "simulated: between the last cache and memory, one image"}, false},
    {{"images_per_s", VIT_REAL, "", "batch 16, one thread, folded graph, median"}, true},
    {{"base_images_per_s", VIT_REAL, "", "of the base, in pairs with it"}, false},
    {{"speed_ratio", VIT_REAL, "", "by the base's speed, median over the pairs"}, true},
    {{"memory_bound_pct", VIT_REAL, "%", "share of the paper's memory-bound classes, eager graph, batch 1"}, true},
    {{"width_factor", VIT_REAL, "", "of embedding widths, by the search for what is held"}, false},
    {{"blocks_added", VIT_REAL, "", "by the search"}, false},
    {{"networks_tried", VIT_REAL, "", "by the search"}, false},
    {{"held_ratio", VIT_REAL, "", "what is held by what was wanted of it, in the search"}, false},
    {{"top1_pct", VIT_REAL, "%", "accuracy on --val after the last epoch"}, true},
    {{"train_images_per_s", VIT_REAL, "", "of the last epoch of training"}, false},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0], N_RANGED = 3, MOST_COLUMNS = 64 };

/* These have quartiles too. */
static const char *const ranged[N_RANGED] = {"images_per_s", "speed_ratio", "memory_bound_pct"};

static const struct vit_column first[] = {
    {"model", VIT_TEXT, "", "base"},
    {"settings", VIT_TEXT, "", "of the point, on top of the base"},
    {"series", VIT_TEXT, "", "settings but the first axis"},
    {"place", VIT_INT, "", "of the value on the first axis, from 0"},
};
static const struct vit_column last[] = {
    {"network", VIT_TEXT, "", "the network after the search, as settings on top of the base"},
    {"proxy", VIT_TEXT, "", "data set of top1_pct where it is not ImageNet"},
    {"reason", VIT_TEXT, "", "why numbers are absent: NAME: REASON"},
};
enum { N_FIRST = sizeof first / sizeof first[0], N_LAST = sizeof last / sizeof last[0] };

static const struct vit_column low_high[N_RANGED][2] = {
    {{"images_per_s_low", VIT_REAL, "", "first quartile"}, {"images_per_s_high", VIT_REAL, "", "third quartile"}},
    {{"speed_ratio_low", VIT_REAL, "", "first quartile"}, {"speed_ratio_high", VIT_REAL, "", "third quartile"}},
    {{"memory_bound_low_pct", VIT_REAL, "%", "first quartile"},
     {"memory_bound_high_pct", VIT_REAL, "%", "third quartile"}},
};

static int build_schema(struct vit_schema_builder *b, const struct vit_sweep *s, bool all)
{
    vit_schema_open(b, "sweep", 1);
    int status = all ? vit_schema_add(b, first, N_FIRST) : VIT_OK;
    for (int i = 0; i < s->axes.n && status == VIT_OK; i++)
        status = vit_schema_add(b, &(struct vit_column){s->axes.axis[i].name, VIT_TEXT, "", "axis"}, 1);
    for (int i = 0; i < N_FIGURES && status == VIT_OK; i++)
        if (all || figures[i].shown)
            status = vit_schema_add(b, &figures[i].column, 1);
    for (int i = 0; i < N_RANGED && all && status == VIT_OK; i++)
        status = vit_schema_add(b, low_high[i], 2);
    if (status == VIT_OK)
        status = all ? vit_schema_add(b, last, N_LAST) : vit_schema_add(b, last + N_LAST - 1, 1);
    return status;
}

/* All reasons, once each; for readers that of what they asked for. */
static void tell_reasons(char *text, size_t size, const struct vit_reproduction *r, const struct vit_unit *unit,
                         bool all)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < N_FIGURES && used < size; i++) {
        const char *name = figures[i].column.name;
        const struct vit_result *found = vit_unit_result(r, unit, name);
        const struct vit_variant *variant = unit->context;
        const bool asked = strcmp(name, "params") == 0 || (strcmp(name, "top1_pct") == 0 && variant->train);
        if (found && !found->value.present && found->reason && (all || asked))
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used ? "; " : "", all ? name : "",
                                     all ? ": " : "", found->reason);
    }
}

static int put_point(struct vit_sink *sink, const struct vit_sweep *s, const struct vit_reproduction *r, int point,
                     bool all)
{
    const struct vit_unit *unit = &r->unit[point];
    struct vit_cell row[MOST_COLUMNS];
    char series[VIT_AXIS_TEXT], reasons[1024];
    int n = 0;
    vit_axes_settings(series, sizeof series, &s->axes, point, 1);
    if (all) {
        row[n++] = vit_text(unit->options.argument[0]);
        row[n++] = vit_text(s->variant[point].change);
        row[n++] = vit_text(series);
        row[n++] = vit_int(vit_axes_place(&s->axes, point, 0));
    }
    for (int i = 0; i < s->axes.n; i++)
        row[n++] = vit_text(s->axes.axis[i].value[vit_axes_place(&s->axes, point, i)]);
    for (int i = 0; i < N_FIGURES; i++) {
        const struct vit_result *found = vit_unit_result(r, unit, figures[i].column.name);
        if (all || figures[i].shown)
            row[n++] = found ? found->value : vit_absent();
    }
    for (int i = 0; i < N_RANGED && all; i++) {
        const struct vit_result *found = vit_unit_result(r, unit, ranged[i]);
        row[n++] = found ? found->low : vit_absent();
        row[n++] = found ? found->high : vit_absent();
    }
    const struct vit_result *network = vit_unit_result(r, unit, "width_factor"),
                            *top1 = vit_unit_result(r, unit, "top1_pct");
    if (all) {
        row[n++] = vit_text(network ? network->source : NULL);
        row[n++] = vit_text(top1 ? top1->proxy : NULL);
    }
    tell_reasons(reasons, sizeof reasons, r, unit, all);
    row[n++] = *reasons ? vit_text(reasons) : vit_absent();
    return vit_sink_write(sink, row);
}

static int put_all(struct vit_sink *sink, const struct vit_sweep *s, const struct vit_reproduction *r, bool all)
{
    int status = VIT_OK;
    for (int point = 0; point < s->axes.points && status == VIT_OK; point++)
        status = put_point(sink, s, r, point, all);
    if (status == VIT_OK)
        return vit_sink_close(sink);
    vit_sink_abort(sink);
    return status;
}

int vit_sweep_write(const struct vit_sweep *s, struct vit_reproduction *r)
{
    struct vit_schema_builder schema;
    struct vit_sink sink;
    int status = build_schema(&schema, s, true);
    if (status == VIT_OK)
        status = vit_reproduction_csv(r, &sink, "sweep", &schema.schema);
    if (status == VIT_OK)
        status = put_all(&sink, s, r, true);
    vit_schema_close(&schema);
    return status;
}

int vit_sweep_print(const struct vit_sweep *s, struct vit_reproduction *r)
{
    struct vit_schema_builder schema;
    struct vit_sink sink;
    const bool all = !vit_output_is_table(&s->options);
    int status = build_schema(&schema, s, all);
    if (status == VIT_OK)
        status = vit_output_open(&sink, &s->options, &schema.schema, NULL);
    if (status == VIT_OK)
        status = put_all(&sink, s, r, all);
    vit_schema_close(&schema);
    return status;
}

int vit_sweep_draw(const struct vit_sweep *s, const struct vit_reproduction *r)
{
    char data[4200], output[4200], title[200];
    snprintf(data, sizeof data, "%s/sweep.csv", r->folder);
    snprintf(output, sizeof output, "%s/sweep", r->folder);
    snprintf(title, sizeof title, "%.120s against %.60s", s->options.argument[0], s->axes.axis[0].name);
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"axis", s->axes.axis[0].name, VIT_PLOT_TEXT},
                                                 {"title", title, VIT_PLOT_TEXT},
                                                 {"subtitle", s->subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "sweep", .output = output, .variable = variable, .n_variable = 4});
}
