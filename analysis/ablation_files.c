/* SPDX-License-Identifier: MIT */
/* ablation_files.c - results, table and picture of an ablation. */
#include "analysis/ablation.h"
#include "analysis/ablation_paper.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>

static const struct vit_result *result(const struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    static const struct vit_result none;
    const struct vit_result *found = unit ? vit_unit_result(r, unit, name) : NULL;
    return found ? found : &none;
}

static double value(const struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    const struct vit_result *found = result(r, unit, name);
    return found->value.present ? found->value.r : NAN;
}

struct deltas {
    struct vit_cell value, low, high;
};

/* Whether the row is the baseline: its differences to itself are 0 by definition, what was measured of them is the
 * noise floor. */
static bool is_base(const struct vit_ablation_row *row)
{
    return *row->change == '\0';
}

static const struct deltas no_delta = {.value = {.present = true}, .low = {.present = true}, .high = {.present = true}};

static struct deltas speed_delta(const struct vit_result *ratio)
{
    struct deltas d = {.value = ratio->value, .low = ratio->low, .high = ratio->high};
    d.value.r = 100 * (d.value.r - 1);
    d.low.r = 100 * (d.low.r - 1);
    d.high.r = 100 * (d.high.r - 1);
    return ratio->value.present ? d : (struct deltas){.value = vit_absent()};
}

/* How far the baseline got from itself in the same kind of pairs: the farther quartile. */
static struct vit_cell speed_floor(const struct vit_reproduction *r, const struct vit_unit *base)
{
    const struct deltas d = speed_delta(result(r, base, "speed_ratio"));
    if (!d.low.present || !d.high.present)
        return vit_absent();
    return vit_real_cell(fmax(fabs(d.low.r), fabs(d.high.r)));
}

/* Sampling errors of both add as squares: each interval is 95 % over the images that it was tested on. */
static struct deltas top1_delta(const struct vit_result *top1, const struct vit_result *of_base)
{
    struct deltas d = {.value = vit_absent()};
    if (!top1->value.present || !of_base->value.present)
        return d;
    const double delta = top1->value.r - of_base->value.r;
    d.value = vit_real_cell(delta);
    if (!top1->low.present || !of_base->low.present)
        return d;
    const double half = hypot(top1->high.r - top1->low.r, of_base->high.r - of_base->low.r) / 2;
    d.low = vit_real_cell(delta - half);
    d.high = vit_real_cell(delta + half);
    return d;
}

/* Everything about one row in one form. */
struct line {
    const struct vit_ablation_row *row;
    int position, form;
    const struct vit_unit *full, *proxy;           /* NULL: not planned */
    const struct vit_unit *full_base, *proxy_base; /* the baseline's */
};

static struct line line_of(const struct vit_ablation *a, const struct vit_reproduction *r, int i, int form)
{
    return (struct line){.row = &a->row[i],
                         .position = i,
                         .form = form,
                         .full = vit_ablation_unit(r, &a->row[i], form, VIT_FULL_SIZE),
                         .proxy = vit_ablation_unit(r, &a->row[i], form, VIT_PROXY),
                         .full_base = vit_ablation_unit(r, &a->row[0], form, VIT_FULL_SIZE),
                         .proxy_base = vit_ablation_unit(r, &a->row[0], form, VIT_PROXY)};
}

static struct deltas speed_of(const struct vit_reproduction *r, const struct line *l)
{
    const struct vit_result *ratio = result(r, l->full, "speed_ratio");
    return is_base(l->row) && ratio->value.present ? no_delta : speed_delta(ratio);
}

static struct deltas accuracy_of(const struct vit_reproduction *r, const struct line *l)
{
    const struct vit_result *top1 = result(r, l->proxy, "top1_pct");
    return is_base(l->row) && top1->value.present ? no_delta : top1_delta(top1, result(r, l->proxy_base, "top1_pct"));
}

static void derive(struct vit_reproduction *r, const struct line *l)
{
    const char *name = l->row->name, *form = vit_ablation_forms[l->form];
    /* Copies: results move as they grow. */
    const struct vit_result ratio = *result(r, l->full, "speed_ratio"), top1 = *result(r, l->proxy, "top1_pct");
    const struct deltas speed = speed_of(r, l), accuracy = accuracy_of(r, l);
    struct vit_results *to = &r->results;
    vit_results_add(to, (struct vit_result){.name = vit_results_text(to, "%s.%s.speed_delta_pct", name, form),
                                            .value = speed.value,
                                            .low = speed.low,
                                            .high = speed.high,
                                            .floor = speed_floor(r, l->full_base),
                                            .source = is_base(l->row) ? "by definition" : ratio.source,
                                            .reason = ratio.reason});
    static const char *const counts[] = {"params", "macs", "compulsory_bytes"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        vit_results_value(to, 100 * (value(r, l->full, counts[i]) / value(r, l->full_base, counts[i]) - 1),
                          "counted, by the baseline", "%s.%s.%s_delta_pct", name, form, counts[i]);
    if (!l->proxy)
        return;
    const char *const names[] = {"proxy_top1_pct", "proxy_top1_delta_points"};
    const struct deltas of[] = {{top1.value, top1.low, top1.high}, accuracy};
    for (int i = 0; i < 2; i++)
        vit_results_add(to, (struct vit_result){.name = vit_results_text(to, "%s.%s.%s", name, form, names[i]),
                                                .value = of[i].value,
                                                .low = of[i].low,
                                                .high = of[i].high,
                                                .source = i && is_base(l->row) ? "by definition"
                                                          : i ? "difference of two trainings; 95 % over images of --val"
                                                              : "one training; 95 % over images of --val",
                                                .proxy = top1.proxy,
                                                .reason = top1.reason});
}

static const struct vit_column columns[] = {
    {"variant", VIT_TEXT, "", "change of EfficientViT-M4"},
    {"label", VIT_TEXT, "", "the same in words"},
    {"position", VIT_INT, "", "row, the baseline is 0"},
    {"x", VIT_REAL, "", "value of what is varied, where it is a number"},
    {"form", VIT_TEXT, "", "unscaled: as it is; matched: scaled to the baseline's throughput"},
    {"network", VIT_TEXT, "", "settings on top of M4"},
    {"params", VIT_REAL, "count", "learned numbers"},
    {"macs", VIT_REAL, "MAC", "multiply-accumulates of one image"},
    {"compulsory_bytes", VIT_REAL, "B", "inputs, weights and outputs of all operators, eager graph, one image"},
    {"sim_l2_bytes", VIT_REAL, "B", "simulated: fetched into the second cache, one image"},
    {"sim_memory_bytes", VIT_REAL, "B", "simulated: between the last cache and memory, one image"},
    {"live_bytes", VIT_REAL, "B", "largest sum of results alive at once, one image"},
    {"memory_bound_pct", VIT_REAL, "%", "share of the paper's memory-bound classes, eager graph, batch 1"},
    {"images_per_s", VIT_REAL, "", "folded graph, batch 16, one thread"},
    {"speed_delta_pct", VIT_REAL, "%", "by the baseline, median over pairs; the baseline's own is 0 by definition"},
    {"speed_delta_low_pct", VIT_REAL, "%", "first quartile"},
    {"speed_delta_high_pct", VIT_REAL, "%", "third quartile"},
    {"speed_floor_pct", VIT_REAL, "%",
     "noise floor: how far pairs of the baseline with itself differ (farther quartile)"},
    {"held_ratio", VIT_REAL, "", "speed by the baseline's at the end of the search; empty: none"},
    {"proxy", VIT_TEXT, "", "data set that the proxy learns; empty: none"},
    {"proxy_network", VIT_TEXT, "", "settings on top of the proxy"},
    {"proxy_params", VIT_REAL, "count", "learned numbers of the proxy"},
    {"proxy_speed_ratio", VIT_REAL, "", "of the proxy by that of the baseline's proxy; of the baseline: the noise"},
    {"proxy_top1_pct", VIT_REAL, "%", "accuracy of the proxy, one training"},
    {"proxy_top1_delta_points", VIT_REAL, "", "difference to the baseline's proxy"},
    {"proxy_top1_delta_low_points", VIT_REAL, "", "95 % over images of --val"},
    {"proxy_top1_delta_high_points", VIT_REAL, "", "its upper end"},
    {"paper_top1_pct", VIT_REAL, "%", "ImageNet, 100 epochs"},
    {"paper_top1_delta_points", VIT_REAL, "", "difference to the paper's baseline"},
    {"paper_gpu_delta_pct", VIT_REAL, "%", "V100 images/s by those of the baseline"},
    {"paper_onnx_delta_pct", VIT_REAL, "%", "ONNX Runtime images/s by those of the baseline"},
    {"certainty", VIT_TEXT, "", "how the paper's numbers are known"},
    {"reason", VIT_TEXT, "", "why there is no accuracy"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static int put(struct vit_sink *sink, const struct vit_reproduction *r, const struct line *l,
               const struct vit_ablation_paper paper[2])
{
    const struct vit_result *top1 = result(r, l->proxy, "top1_pct");
    const struct deltas speed = speed_of(r, l), accuracy = accuracy_of(r, l);
    const struct vit_cell row[N_COLUMNS] = {
        vit_text(l->row->name),
        vit_text(l->row->label),
        vit_int(l->position),
        vit_defined(l->row->x),
        vit_text(vit_ablation_forms[l->form]),
        vit_text(result(r, l->full, "width_factor")->source),
        result(r, l->full, "params")->value,
        result(r, l->full, "macs")->value,
        result(r, l->full, "compulsory_bytes")->value,
        result(r, l->full, "sim_l2_bytes")->value,
        result(r, l->full, "sim_memory_bytes")->value,
        result(r, l->full, "live_bytes")->value,
        result(r, l->full, "memory_bound_pct")->value,
        result(r, l->full, "images_per_s")->value,
        speed.value,
        speed.low,
        speed.high,
        speed_floor(r, l->full_base),
        result(r, l->full, "held_ratio")->value,
        vit_text(top1->proxy),
        vit_text(result(r, l->proxy, "width_factor")->source),
        result(r, l->proxy, "params")->value,
        result(r, l->proxy, "speed_ratio")->value,
        top1->value,
        accuracy.value,
        accuracy.low,
        accuracy.high,
        vit_defined(paper->top1),
        vit_defined(paper->top1 - paper[1].top1),
        vit_defined(100 * (paper->gpu / paper[1].gpu - 1)),
        vit_defined(100 * (paper->onnx / paper[1].onnx - 1)),
        vit_text(paper->certainty),
        vit_text(l->proxy ? top1->reason : "proxy_top1_pct: needs --budget normal"),
    };
    return vit_sink_write(sink, row);
}

static int put_all(const struct vit_ablation *a, struct vit_reproduction *r, struct vit_sink *sink, struct vit_csv *csv)
{
    struct vit_ablation_paper paper[2]; /* of the row, of the baseline */
    int status = vit_ablation_paper_find(&paper[1], csv, a->paper_key, a->row[0].paper);
    for (int i = 0; i < a->n && status == VIT_OK; i++) {
        status = vit_ablation_paper_find(&paper[0], csv, a->paper_key, a->row[i].paper);
        for (int form = 0; form < VIT_ABLATION_FORMS && status == VIT_OK; form++) {
            const struct line line = line_of(a, r, i, form);
            derive(r, &line);
            status = put(sink, r, &line, paper);
        }
    }
    return status;
}

static int write(const struct vit_ablation *a, struct vit_reproduction *r)
{
    const struct vit_schema schema = {r->def->name, 1, N_COLUMNS, columns};
    struct vit_csv *csv;
    struct vit_sink sink;
    int status = vit_ablation_paper_open(&csv, a->paper_file);
    if (status != VIT_OK)
        return status;
    status = vit_reproduction_csv(r, &sink, r->def->name, &schema);
    if (status == VIT_OK) {
        status = put_all(a, r, &sink, csv);
        status = vit_sink_finish(&sink, status);
    }
    vit_csv_close(csv);
    return status;
}

static void describe(char *text, size_t size, const struct vit_ablation *a, const struct vit_reproduction *r,
                     double floor)
{
    const struct vit_unit *proxy = vit_ablation_unit(r, &a->row[0], VIT_UNSCALED, VIT_PROXY);
    size_t used = 0;
    if (floor > 0)
        used = (size_t)snprintf(text, size, "grey: noise floor of speed, %.2g %%: M4 in pairs with itself; ", floor);
    if (proxy)
        snprintf(text + used, size - used, "accuracy here: proxy, a quarter of M4's widths, %.100s, %d epochs",
                 proxy->options.data, proxy->options.epochs);
    else
        snprintf(text + used, size - used, "accuracy: needs --budget normal");
}

static int draw(const struct vit_ablation *a, const struct vit_reproduction *r)
{
    char data[4200], output[4200], subtitle[400], rows[16], noise[32];
    const struct vit_cell floor = speed_floor(r, vit_ablation_unit(r, &a->row[0], VIT_UNSCALED, VIT_FULL_SIZE));
    snprintf(data, sizeof data, "%s/%s.csv", r->folder, r->def->name);
    snprintf(output, sizeof output, "%s/%s", r->folder, r->def->name);
    snprintf(rows, sizeof rows, "%d", a->n);
    snprintf(noise, sizeof noise, "%.6g", floor.present ? floor.r : 0);
    describe(subtitle, sizeof subtitle, a, r, floor.present ? floor.r : 0);
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"title", r->def->title, VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT},
                                                 {"rows", rows, VIT_PLOT_NUMBER},
                                                 {"noise", noise, VIT_PLOT_NUMBER}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = r->def->name, .output = output, .variable = variable, .n_variable = 5});
}

int vit_ablation_finish(const struct vit_ablation *a, struct vit_reproduction *r)
{
    int status = write(a, r);
    return status == VIT_OK && vit_plot_available() ? draw(a, r) : status;
}
