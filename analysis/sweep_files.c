/* SPDX-License-Identifier: MIT */
/* sweep_files.c - sweep.csv, the table for readers and the figure. */
#include "analysis/output.h"
#include "analysis/sweep.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>
#include <string.h>

/* Named results of a point, in the order of columns. shown: for readers too. Speeds of the base stand beside those of
 * the point: pairs are of different moments, so that only speeds of one row may be compared. */
static const struct {
    struct vit_column column;
    bool shown;
} figures[] = {
    {{"mhsa_share_pct", VIT_REAL, "%", "attention layers by all layers, after the search"}, false},
    {{"base_macs", VIT_REAL, "MAC", "of the base, one image"}, false},
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
    {{"base_images_per_s", VIT_REAL, "", "of the base, in pairs with it"}, true},
    {{"speed_ratio", VIT_REAL, "", "by the base's speed, median over the pairs"}, true},
    {{"memory_bound_pct", VIT_REAL, "%", "share of the paper's memory-bound classes, eager graph, batch 1"}, true},
    {{"width_factor", VIT_REAL, "", "of embedding widths, by the search for what is held"}, false},
    {{"blocks_added", VIT_REAL, "", "by the search"}, false},
    {{"networks_tried", VIT_REAL, "", "by the search"}, false},
    {{"held_ratio", VIT_REAL, "", "what is held by what was wanted of it, in the search"}, false},
    {{"top1_pct", VIT_REAL, "%", "accuracy on --val after the last epoch"}, true},
    {{"train_images_per_s", VIT_REAL, "", "of the last epoch of training"}, false},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0], SHARE = 0 /* its place */, N_RANGED = 3, MOST_COLUMNS = 64 };

/* These have quartiles too. */
static const char *const ranged[N_RANGED] = {"images_per_s", "speed_ratio", "memory_bound_pct"};

static const struct vit_column first[] = {
    {"model", VIT_TEXT, "", "base"},
    {"settings", VIT_TEXT, "", "of the point, on top of the base"},
    {"series", VIT_TEXT, "", "settings but the first axis"},
    {"place", VIT_INT, "", "of the value on the first axis, from 0"},
    {"x", VIT_REAL, "", "the value on the first axis, where it is a number; of mhsa_share what the network has"},
};
static const struct vit_column last[] = {
    {"held", VIT_TEXT, "", "whether what is held is within the tolerance: yes, median (its quartiles are not), no"},
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

static bool is_share(const struct vit_axis *axis)
{
    return strcmp(axis->name, "mhsa_share") == 0;
}

static bool has_share(const struct vit_sweep *s)
{
    for (int i = 0; i < s->axes.n; i++)
        if (is_share(&s->axes.axis[i]))
            return true;
    return false;
}

/* For readers the share that the network has stands where one was asked for. */
static bool is_shown(const struct vit_sweep *s, int figure)
{
    return figures[figure].shown || (figure == SHARE && has_share(s));
}

static int build_schema(struct vit_schema_builder *b, const struct vit_sweep *s, bool all)
{
    vit_schema_open(b, "sweep", 1);
    int status = all ? vit_schema_add(b, first, N_FIRST) : VIT_OK;
    for (int i = 0; i < s->axes.n && status == VIT_OK; i++)
        status = vit_schema_add(b, &(struct vit_column){s->axes.axis[i].name, VIT_TEXT, "", "axis"}, 1);
    for (int i = 0; i < N_FIGURES && status == VIT_OK; i++)
        if (all || is_shown(s, i))
            status = vit_schema_add(b, &figures[i].column, 1);
    for (int i = 0; i < N_RANGED && all && status == VIT_OK; i++)
        status = vit_schema_add(b, low_high[i], 2);
    if (status == VIT_OK)
        status = all ? vit_schema_add(b, last, N_LAST) : VIT_OK;
    if (status == VIT_OK && !all && s->hold.what)
        status = vit_schema_add(b, last, 1);
    if (status == VIT_OK && !all)
        status = vit_schema_add(b, last + N_LAST - 1, 1);
    return status;
}

/* A network has whole layers, and a search changes how many: of shares the one that it has. */
static struct vit_cell place_on_axis(const struct vit_sweep *s, const struct vit_reproduction *r, int point)
{
    const struct vit_axis *axis = &s->axes.axis[0];
    double number;
    if (is_share(axis)) {
        const double share = vit_unit_real(r, &r->unit[point], figures[SHARE].column.name);
        return isnan(share) ? vit_absent() : vit_real_cell(share / 100);
    }
    return vit_axis_number(&number, axis, vit_axes_place(&s->axes, point, 0)) ? vit_real_cell(number) : vit_absent();
}

/* Absent where nothing is held, or nothing was measured. */
static struct vit_cell tell_held(const struct vit_sweep *s, const struct vit_reproduction *r, int point)
{
    const double tolerance = vit_hold_tolerance(&s->hold), wanted = s->hold.factor;
    const bool timed = s->hold.what == VIT_HELD_THROUGHPUT;
    const struct vit_result *found = vit_unit_result(r, &r->unit[point], timed ? "speed_ratio" : "held_ratio");
    if (!s->hold.what || !found || !found->value.present)
        return vit_absent();
    const double by = timed ? wanted : 1;
    if (fabs(found->value.r / by - 1) > tolerance)
        return vit_text("no");
    const bool scatters = timed && (found->low.r / by < 1 - tolerance || found->high.r / by > 1 + tolerance);
    return vit_text(scatters ? "median" : "yes");
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
        row[n++] = s->axes.n > 1 ? vit_text(series) : vit_absent();
        row[n++] = vit_int(vit_axes_place(&s->axes, point, 0));
        row[n++] = place_on_axis(s, r, point);
    }
    for (int i = 0; i < s->axes.n; i++)
        row[n++] = vit_text(s->axes.axis[i].value[vit_axes_place(&s->axes, point, i)]);
    for (int i = 0; i < N_FIGURES; i++) {
        const struct vit_result *found = vit_unit_result(r, unit, figures[i].column.name);
        if (all || is_shown(s, i))
            row[n++] = found ? found->value : vit_absent();
    }
    for (int i = 0; i < N_RANGED && all; i++) {
        const struct vit_result *found = vit_unit_result(r, unit, ranged[i]);
        row[n++] = found ? found->low : vit_absent();
        row[n++] = found ? found->high : vit_absent();
    }
    const struct vit_result *network = vit_unit_result(r, unit, "width_factor"),
                            *top1 = vit_unit_result(r, unit, "top1_pct");
    if (all || s->hold.what)
        row[n++] = tell_held(s, r, point);
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
    return vit_sink_finish(sink, status);
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

/* A number where all values are; shares are always drawn as such. */
static bool is_numeric(const struct vit_axis *axis)
{
    double number;
    for (int i = 0; i < axis->n && !is_share(axis); i++)
        if (!vit_axis_number(&number, axis, i))
            return false;
    return true;
}

static bool has_accuracy(const struct vit_sweep *s, const struct vit_reproduction *r)
{
    for (int point = 0; point < s->axes.points; point++)
        if (!isnan(vit_unit_real(r, &r->unit[point], "top1_pct")))
            return true;
    return false;
}

int vit_sweep_draw(const struct vit_sweep *s, const struct vit_reproduction *r)
{
    const struct vit_options *o = &s->options;
    const struct vit_axis *axis = &s->axes.axis[0];
    char data[4200], output[4200], title[200], img[32] = "", base[256];
    snprintf(data, sizeof data, "%s/sweep.csv", r->folder);
    snprintf(output, sizeof output, "%s/sweep", r->folder);
    snprintf(title, sizeof title, "%.120s against %.60s", o->argument[0], axis->name);
    if (o->img)
        snprintf(img, sizeof img, "%simg=%d", o->set ? " " : "", o->img);
    snprintf(base, sizeof base, "dashed: the base, %.80s%s%.120s%s%s", o->argument[0], o->set || o->img ? " with " : "",
             o->set ? o->set : "", img, is_share(axis) ? "; x: the share that the network has" : "");
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"axis", axis->name, VIT_PLOT_TEXT},
                                                 {"numeric", is_numeric(axis) ? "1" : "0", VIT_PLOT_NUMBER},
                                                 {"trained", has_accuracy(s, r) ? "1" : "0", VIT_PLOT_NUMBER},
                                                 {"base", base, VIT_PLOT_TEXT},
                                                 {"title", title, VIT_PLOT_TEXT},
                                                 {"subtitle", s->subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){
        .figure = "sweep", .output = output, .variable = variable, .n_variable = sizeof variable / sizeof variable[0]});
}
