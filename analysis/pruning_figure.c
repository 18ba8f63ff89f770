/* SPDX-License-Identifier: MIT */
/* pruning_figure.c - what Fig. 5 is drawn from, the paper's points beside. */
#include "analysis/channel_group.h"
#include "analysis/prune_paper.h"
#include "analysis/pruning_unit.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const struct vit_column width_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "here, untrained (the same before it learned), or paper"},
    {"kind", VIT_TEXT, "", "qk, v or ffn"},
    {"block", VIT_INT, "", "block of the network, from 1"},
    {"before_ratio", VIT_REAL, "", "channels / width of the embedding"},
    {"after_ratio", VIT_REAL, "", "the same of the pruned network"},
    {"error_ratio", VIT_REAL, "", "of reading the paper's figure"},
};
static const struct vit_schema width_schema = {"widths", 1, sizeof width_columns / sizeof width_columns[0],
                                               width_columns};

static struct vit_cell find(const struct vit_reproduction *r, const struct vit_unit *unit, const char *name)
{
    const struct vit_result *result = vit_unit_result(r, unit, name);
    return result ? result->value : vit_absent();
}

static int put_network(const struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit,
                       bool untrained)
{
    int status = VIT_OK;
    for (int k = 0; k <= VIT_GROUP_FFN; k++)
        for (int b = 1; b <= VIT_PRUNE_PAPER_BLOCKS && status == VIT_OK; b++) {
            const char *kind = vit_group_kind_name((enum vit_group_kind)k), *prefix = untrained ? "untrained." : "";
            char before[64], after[64];
            snprintf(before, sizeof before, "%s%s.block%d.before_ratio", prefix, kind, b);
            snprintf(after, sizeof after, "%s%s.block%d.after_ratio", prefix, kind, b);
            const struct vit_cell row[] = {vit_text(vit_pruning_work_of(unit)->model),
                                           vit_text(untrained ? "untrained" : "here"),
                                           vit_text(kind),
                                           vit_int(b),
                                           find(r, unit, before),
                                           find(r, unit, after),
                                           vit_absent()};
            status = vit_sink_write(sink, row);
        }
    return status;
}

static int put_widths(const struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit)
{
    int status = put_network(r, sink, unit, false);
    return status == VIT_OK ? put_network(r, sink, unit, true) : status;
}

static int put_paper_widths(struct vit_sink *sink)
{
    struct vit_prune_paper_block paper[VIT_PRUNE_PAPER_BLOCKS];
    int status = vit_prune_read_paper(paper);
    for (int k = 0; k <= VIT_GROUP_FFN; k++)
        for (int b = 0; b < VIT_PRUNE_PAPER_BLOCKS && status == VIT_OK; b++) {
            const struct vit_cell row[] = {vit_text("swin_tiny"),
                                           vit_text("paper"),
                                           vit_text(vit_group_kind_name((enum vit_group_kind)k)),
                                           vit_int(b + 1),
                                           vit_real_cell(paper[b].before[k]),
                                           vit_real_cell(paper[b].after[k]),
                                           vit_real_cell(paper[b].error)};
            status = vit_sink_write(sink, row);
        }
    return status;
}

static const struct vit_column accuracy_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "here or paper"},
    {"network", VIT_TEXT, "",
     "criterion that it was pruned by, finetuned, reallocated, or the paper's baseline, pruned"},
    {"round", VIT_INT, "", "of pruning; 0: the whole network; empty: not of the rounds"},
    {"macs_pct", VIT_REAL, "%", "of the whole network's"},
    {"top1_pct", VIT_REAL, "%", "accuracy; of the paper on ImageNet"},
    {"proxy", VIT_TEXT, "", "data set that stands for ImageNet; empty: none"},
};
static const struct vit_schema accuracy_schema = {"accuracy", 1, sizeof accuracy_columns / sizeof accuracy_columns[0],
                                                  accuracy_columns};

static int put_rounds(const struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit,
                      const char *criterion)
{
    int status = VIT_OK;
    for (int round = 0; status == VIT_OK; round++) {
        char macs[64], top1[64];
        snprintf(macs, sizeof macs, "%s.round%d.macs_pct", criterion, round);
        snprintf(top1, sizeof top1, "%s.round%d.top1_pct", criterion, round);
        const struct vit_result *x = vit_unit_result(r, unit, macs), *y = vit_unit_result(r, unit, top1);
        if (!x || !y)
            break;
        const struct vit_cell row[] = {vit_text(vit_pruning_work_of(unit)->model),
                                       vit_text("here"),
                                       vit_text(criterion),
                                       vit_int(round),
                                       x->value,
                                       y->value,
                                       vit_text(y->proxy)};
        status = vit_sink_write(sink, row);
    }
    return status;
}

/* A network that learned on, or anew. */
static int put_learned(const struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit, bool tuned)
{
    const char *network = tuned ? "finetuned" : "reallocated";
    char name[64];
    snprintf(name, sizeof name, "%s.top1_pct", network);
    const struct vit_result *top1 = vit_unit_result(r, unit, name);
    const double macs = vit_unit_real(r, unit, tuned ? "pruned.macs" : "reallocated.macs");
    if (!top1)
        return VIT_OK;
    const struct vit_cell row[] = {vit_text(vit_pruning_work_of(unit)->model),
                                   vit_text("here"),
                                   vit_text(network),
                                   vit_absent(),
                                   vit_real_cell(100 * macs / vit_unit_real(r, unit, "whole.macs")),
                                   top1->value,
                                   vit_text(top1->proxy)};
    return vit_sink_write(sink, row);
}

static int put_accuracy(const struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit)
{
    int status = VIT_OK;
    for (int i = 0; i < VIT_PRUNING_CRITERIA && status == VIT_OK; i++)
        status = put_rounds(r, sink, unit, vit_criterion_name(vit_pruning_criteria[i]));
    for (int tuned = 0; tuned < 2 && status == VIT_OK; tuned++)
        status = put_learned(r, sink, unit, tuned);
    return status;
}

/* The share of MACs is that of the figure's widths: the paper does not tell it. */
static int put_paper_accuracy(const struct vit_reproduction *r, struct vit_sink *sink)
{
    char path[4096];
    struct vit_csv *csv;
    int state, top1, status = vit_data_path(path, sizeof path, "paper/fig5_accuracy.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(csv, "state", &state);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "top1_pct", &top1);
    for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++) {
        struct vit_cell value;
        const char *name = vit_csv_text(csv, row, state);
        const bool pruned = name && strcmp(name, "pruned") == 0;
        status = vit_csv_real(csv, row, top1, &value);
        if (status != VIT_OK || !value.present)
            continue;
        const double left = vit_results_real(&r->results, "widths.swin_tiny.paper/pruned.macs_M") /
                            vit_results_real(&r->results, "widths.swin_tiny.paper/whole.macs_M");
        const struct vit_cell cell[] = {vit_text("swin_tiny"),
                                        vit_text("paper"),
                                        vit_text(name),
                                        vit_absent(),
                                        vit_real_cell(pruned ? 100 * left : 100),
                                        value,
                                        vit_absent()};
        status = vit_sink_write(sink, cell);
    }
    vit_csv_close(csv);
    return status;
}

static int write_csv(const struct vit_reproduction *r, bool widths)
{
    struct vit_sink sink;
    int status =
        vit_reproduction_csv(r, &sink, widths ? "widths" : "accuracy", widths ? &width_schema : &accuracy_schema);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++)
        if (vit_pruning_work_of(&r->unit[i]))
            status = (widths ? put_widths : put_accuracy)(r, &sink, &r->unit[i]);
    if (status == VIT_OK)
        status = widths ? put_paper_widths(&sink) : put_paper_accuracy(r, &sink);
    return vit_sink_finish(&sink, status);
}

static int draw(const struct vit_reproduction *r, const char *subtitle)
{
    char data[4200], accuracy[4200], output[4200], note[300];
    const char *paper = "widths.swin_tiny.paper";
    snprintf(data, sizeof data, "%s/widths.csv", r->folder);
    snprintf(accuracy, sizeof accuracy, "%s/accuracy.csv", r->folder);
    snprintf(output, sizeof output, "%s/fig5", r->folder);
    snprintf(note, sizeof note,
             "Swin-T with the paper's widths: %.1f of %.1f M parameters, %.2f of %.2f G MACs, measured %.2f x as fast",
             vit_results_real(&r->results, "%s/pruned.params_M", paper),
             vit_results_real(&r->results, "%s/whole.params_M", paper),
             vit_results_real(&r->results, "%s/pruned.macs_M", paper) / 1e3,
             vit_results_real(&r->results, "%s/whole.macs_M", paper) / 1e3,
             vit_results_real(&r->results, "%s/speed_ratio", paper));
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"accuracy", accuracy, VIT_PLOT_PATH},
                                                 {"title", "Channels left by Taylor importance", VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT},
                                                 {"note", note, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){.figure = "fig5", .output = output, .variable = variable, .n_variable = 5});
}

/* Its points are in the folder of the unit. */
static int draw_check(const struct vit_reproduction *r, const struct vit_unit *unit, const char *subtitle)
{
    char folder[4200], data[4300], output[4300];
    const char *model = vit_pruning_work_of(unit)->model;
    int status = vit_unit_folder(folder, sizeof folder, r, unit);
    snprintf(data, sizeof data, "%s/importance/check.csv", folder);
    snprintf(output, sizeof output, "%s/check_%s", r->folder, model);
    if (status != VIT_OK || access(data, R_OK) != 0)
        return status;
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH}, {"model", model, VIT_PLOT_TEXT}, {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "importance_check", .output = output, .variable = variable, .n_variable = 3});
}

int vit_pruning_figure(const struct vit_reproduction *r, const char *subtitle)
{
    int status = write_csv(r, true);
    if (status == VIT_OK)
        status = write_csv(r, false);
    if (status != VIT_OK || !vit_plot_available())
        return status;
    status = draw(r, subtitle);
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++)
        if (vit_pruning_work_of(&r->unit[i]))
            status = draw_check(r, &r->unit[i], subtitle);
    return status;
}
