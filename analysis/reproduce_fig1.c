/* SPDX-License-Identifier: MIT */
/* reproduce_fig1.c - Fig. 1: throughput against ImageNet top-1. Speed is measured here; accuracy is the published one
 * of each checkpoint (timm's evaluation, or the paper's figure), never one of this machine. The paper's axis is a V100:
 * both stand by their ratio to EfficientViT-M5 on the same machine. */
#include "analysis/speed_unit.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/gnuplot.h"
#include "reports/sink.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char reference[] = "efficientvit_m5";

static const struct vit_column columns[] = {
    {"source", VIT_TEXT, "", "paper (V100), or here"},
    {"family", VIT_TEXT, "", "family of networks"},
    {"model", VIT_TEXT, "", "model"},
    {"images_per_s", VIT_REAL, "", "throughput"},
    {"by_m5", VIT_REAL, "", "the same by that of EfficientViT-M5 on the same machine"},
    {"low_by_m5", VIT_REAL, "", "first quartile by the median of M5"},
    {"high_by_m5", VIT_REAL, "", "third quartile by the median of M5"},
    {"top1_pct", VIT_REAL, "%", "published ImageNet top-1"},
    {"top1_source", VIT_TEXT, "", "where the accuracy is from"},
    {"certainty", VIT_TEXT, "", "of the paper's points: reports/paper/README.md"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
static const struct vit_schema schema = {"fig1", 1, N_COLUMNS, columns};

/* A shipped table with the columns that are asked for, in their order. */
struct table {
    struct vit_csv *csv;
    int at[5];
};

static int open_table(struct table *t, const char *file, const char *const *column, int n)
{
    char path[4096];
    int status = vit_data_path(path, sizeof path, file);
    if (status == VIT_OK)
        status = vit_csv_open(&t->csv, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = vit_csv_find(t->csv, column[i], &t->at[i]);
    if (status != VIT_OK)
        vit_csv_close(t->csv);
    return status;
}

enum { FAMILY, VARIANT, DIGITISED, TOP1, CERTAINTY };

static double number(const struct table *t, int64_t row, int column)
{
    struct vit_cell cell;
    return vit_csv_real(t->csv, row, t->at[column], &cell) == VIT_OK && cell.present ? cell.r : NAN;
}

/* The point of the paper's figure; -1: none. */
static int64_t find_point(const struct table *t, const char *family, const char *variant)
{
    for (int64_t row = 0; row < vit_csv_rows(t->csv); row++) {
        const char *f = vit_csv_text(t->csv, row, t->at[FAMILY]), *v = vit_csv_text(t->csv, row, t->at[VARIANT]);
        if (f && v && strcmp(f, family) == 0 && strcmp(v, variant) == 0)
            return row;
    }
    return -1;
}

static int put_paper(struct vit_sink *sink, const struct table *t)
{
    const int64_t m5 = find_point(t, "EfficientViT", "M5");
    int status = VIT_OK;
    for (int64_t row = 0; row < vit_csv_rows(t->csv) && status == VIT_OK; row++) {
        const double speed = number(t, row, DIGITISED), by = speed / number(t, m5, DIGITISED);
        const struct vit_cell cells[N_COLUMNS] = {vit_text("paper"),
                                                  vit_text(vit_csv_text(t->csv, row, t->at[FAMILY])),
                                                  vit_text(vit_csv_text(t->csv, row, t->at[VARIANT])),
                                                  vit_real_cell(speed),
                                                  vit_real_cell(by),
                                                  vit_absent(),
                                                  vit_absent(),
                                                  vit_real_cell(number(t, row, TOP1)),
                                                  vit_text("the paper's Fig. 1"),
                                                  vit_text(vit_csv_text(t->csv, row, t->at[CERTAINTY]))};
        status = vit_sink_write(sink, cells);
    }
    return status;
}

/* Our models that the figure shows, for those without an evaluation by timm. */
static const struct {
    const char *model, *family, *variant;
} shown[] = {{"mobilenetv3_small_100", "MobileNetV3", "Small-1.0x"}};

/* timm's evaluation of the checkpoint at 224 x 224, or the paper's own number; NaN where neither is known. */
static int find_accuracy(const struct vit_model_def *model, const struct table *paper, double *top1,
                         const char **source)
{
    static const char *const names[] = {"test_set", "model", "input", "top1_pct"};
    struct table t;
    int status = open_table(&t, "paper/timm_accuracy.csv", names, 4);
    *top1 = NAN;
    *source = NULL;
    if (status != VIT_OK)
        return status;
    for (int64_t row = 0; row < vit_csv_rows(t.csv) && isnan(*top1); row++) {
        const char *set = vit_csv_text(t.csv, row, t.at[0]), *name = vit_csv_text(t.csv, row, t.at[1]);
        if (set && name && model->timm && strcmp(set, "ImageNet-1k val") == 0 && strcmp(name, model->timm) == 0 &&
            number(&t, row, 2) == model->config.img) {
            *top1 = number(&t, row, 3);
            *source = "timm's evaluation of the published weights";
        }
    }
    vit_csv_close(t.csv);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0] && isnan(*top1); i++) {
        const int64_t row =
            strcmp(shown[i].model, model->name) == 0 ? find_point(paper, shown[i].family, shown[i].variant) : -1;
        if (row >= 0) {
            *top1 = number(paper, row, TOP1);
            *source = "the paper's Fig. 1";
        }
    }
    return VIT_OK;
}

static int put_here(const struct vit_reproduction *r, struct vit_sink *sink, const struct table *paper)
{
    const double m5 = vit_results_real(&r->results, "%s.images_per_s", reference);
    int status = VIT_OK;
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        const struct vit_model_def *model = vit_speed_unit_model(&r->unit[i]);
        const struct vit_result *speed = vit_unit_result(r, &r->unit[i], "images_per_s");
        double top1;
        const char *source;
        if (!speed || !model)
            continue;
        status = find_accuracy(model, paper, &top1, &source);
        if (status != VIT_OK)
            break;
        const struct vit_cell cells[N_COLUMNS] = {vit_text("here"),
                                                  vit_text(model->family->name),
                                                  vit_text(model->name),
                                                  speed->value,
                                                  vit_real_cell(speed->value.r / m5),
                                                  vit_real_cell(speed->low.r / m5),
                                                  vit_real_cell(speed->high.r / m5),
                                                  isnan(top1) ? vit_absent() : vit_real_cell(top1),
                                                  vit_text(source),
                                                  vit_absent()};
        status = vit_sink_write(sink, cells);
    }
    return status;
}

static int draw(const struct vit_reproduction *r)
{
    char data[4200], output[4200], settings[160], subtitle[400];
    snprintf(data, sizeof data, "%s/fig1.csv", r->folder);
    snprintf(output, sizeof output, "%s/tradeoff", r->folder);
    vit_speed_settings(r, settings, sizeof settings);
    snprintf(subtitle, sizeof subtitle, "accuracy: published, not measured here; paper: V100, batch 2048; here: %s",
             settings);
    const struct vit_plot_variable variable[] = {{"data", data, VIT_PLOT_PATH},
                                                 {"title", "Throughput against ImageNet top-1", VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "tradeoff", .output = output, .variable = variable, .n_variable = 3});
}

static int write_points(const struct vit_reproduction *r)
{
    static const char *const names[] = {"family", "variant", "gpu_img_per_s_digitised", "top1_pct", "certainty"};
    struct table paper;
    struct vit_sink sink;
    int status = open_table(&paper, "paper/fig1_tradeoff.csv", names, 5);
    if (status != VIT_OK)
        return status;
    status = vit_reproduction_csv(r, &sink, "fig1", &schema);
    if (status == VIT_OK) {
        status = put_paper(&sink, &paper);
        if (status == VIT_OK)
            status = put_here(r, &sink, &paper);
        status = vit_sink_finish(&sink, status);
    }
    vit_csv_close(paper.csv);
    return status;
}

static int finish(struct vit_reproduction *r)
{
    static const char *const others[] = {"mobilenetv3_large_100", "efficientnet_b0", "mobilenetv2_100", "deit_tiny"};
    vit_speed_units_name(r);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        vit_speed_ratio(r, reference, others[i]);
    vit_speed_ratio(r, "efficientvit_m1", "mobilenetv3_small_100");
    vit_results_add(&r->results,
                    (struct vit_result){.name = "efficientvit_m5_over_mobilenetv3_large_100.top1_points",
                                        .reason = "accuracy is the published one: needs ImageNet and training"});
    int status = write_points(r);
    return status == VIT_OK && vit_plot_available() ? draw(r) : status;
}

const struct vit_reproduction_def vit_reproduction_fig1 = {
    .name = "fig1",
    .title = "Fig. 1: throughput against accuracy",
    .detail =
        "  Throughput by the paper's CPU protocol (units shared with table2) against published top-1; the paper's\n"
        "  points are those of a V100: both by their ratio to EfficientViT-M5 on the same machine.\n",
    .plan = vit_speed_units_plan,
    .finish = finish,
};
