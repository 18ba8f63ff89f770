/* SPDX-License-Identifier: MIT */
/* reproduce_table2.c - Table 2: multiply-accumulates and parameters, which must agree, and throughput, of which
 * machines can only share ratios: each speed stands beside its ratio to EfficientViT-M0 here and in the paper's
 * columns. */
#include "analysis/speed_unit.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/sink.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The paper's row of a model; NaN: not there or not known. */
struct paper {
    double top1, v100, cpu, onnx, macs, params;
};

static const struct {
    const char *column;
    size_t offset;
} paper_columns[] = {
    {"top1_pct", offsetof(struct paper, top1)},     {"gpu_v100_img_per_s", offsetof(struct paper, v100)},
    {"cpu_img_per_s", offsetof(struct paper, cpu)}, {"onnx_img_per_s", offsetof(struct paper, onnx)},
    {"flops_M", offsetof(struct paper, macs)},      {"params_M", offsetof(struct paper, params)},
};
enum { N_PAPER = sizeof paper_columns / sizeof paper_columns[0] };

static int read_row(const struct vit_csv *csv, int64_t row, struct paper *p)
{
    const double none = NAN;
    int at, status = VIT_OK;
    for (int i = 0; i < N_PAPER && status == VIT_OK; i++) {
        struct vit_cell cell;
        status = vit_csv_find(csv, paper_columns[i].column, &at);
        if (status == VIT_OK)
            status = vit_csv_real(csv, row, at, &cell);
        if (status == VIT_OK)
            memcpy((char *)p + paper_columns[i].offset, cell.present ? &cell.r : &none, sizeof none);
    }
    return status;
}

/* "M0" of the table is efficientvit_m0. */
static int find_paper(const struct vit_csv *csv, const char *model, struct paper *p)
{
    static const char family[] = "efficientvit_";
    int at, status = vit_csv_find(csv, "model", &at);
    *p = (struct paper){NAN, NAN, NAN, NAN, NAN, NAN};
    if (status != VIT_OK || strncmp(model, family, strlen(family)) != 0)
        return status;
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        const char *name = vit_csv_text(csv, row, at);
        if (name && strcasecmp(name, model + strlen(family)) == 0)
            return read_row(csv, row, p);
    }
    return VIT_OK;
}

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"macs_paper_M", VIT_REAL, "", "the paper's FLOPs: multiply-accumulates in millions"},
    {"macs_M", VIT_REAL, "", "counted from the graph"},
    {"params_paper_M", VIT_REAL, "", "parameters in millions"},
    {"params_M", VIT_REAL, "", "counted from the graph, norms folded"},
    {"top1_paper_pct", VIT_REAL, "%", "the paper's ImageNet top-1; not measured here"},
    {"images_per_s", VIT_REAL, "", "here: batch / median time"},
    {"low_images_per_s", VIT_REAL, "", "first quartile"},
    {"high_images_per_s", VIT_REAL, "", "third quartile"},
    {"mean_images_per_s", VIT_REAL, "", "batch / mean time: the paper's statistic"},
    {"by_m0", VIT_REAL, "", "images_per_s by that of efficientvit_m0"},
    {"v100_paper_images_per_s", VIT_REAL, "", "batch 2048, float16"},
    {"v100_paper_by_m0", VIT_REAL, "", "the same by that of M0"},
    {"cpu_paper_images_per_s", VIT_REAL, "", "Xeon E5-2690 v4, one thread, batch 16"},
    {"onnx_paper_images_per_s", VIT_REAL, "", "the same processor, ONNX Runtime"},
    {"onnx_paper_by_m0", VIT_REAL, "", "the same by that of M0"},
    {"threads", VIT_INT, "", "threads here"},
    {"batch", VIT_INT, "", "images per forward here"},
    {"protocol", VIT_TEXT, "", "paper (10 s of warm-up, 60 s) or quick (0.5 s, 2 s)"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
static const struct vit_schema schema = {"table2", 1, N_COLUMNS, columns};

static int put(struct vit_reproduction *r, struct vit_sink *sink, const struct vit_unit *unit, const struct paper p[2])
{
    const struct vit_result *speed = vit_unit_result(r, unit, "images_per_s");
    if (!speed)
        return VIT_OK;
    const double m0 = vit_results_real(&r->results, "efficientvit_m0.images_per_s");
    const struct vit_cell row[N_COLUMNS] = {
        vit_text(unit->options.argument[0]),
        vit_defined(p->macs),
        vit_defined(vit_unit_real(r, unit, "macs_M")),
        vit_defined(p->params),
        vit_defined(vit_unit_real(r, unit, "params_M")),
        vit_defined(p->top1),
        speed->value,
        speed->low,
        speed->high,
        vit_defined(vit_unit_real(r, unit, "mean_images_per_s")),
        vit_defined(speed->value.r / m0),
        vit_defined(p->v100),
        vit_defined(p->v100 / p[1].v100),
        vit_defined(p->cpu),
        vit_defined(p->onnx),
        vit_defined(p->onnx / p[1].onnx),
        vit_int(unit->options.threads),
        vit_int(unit->options.batch),
        vit_text(unit->options.protocol),
    };
    return vit_sink_write(sink, row);
}

static int write_rows(struct vit_reproduction *r, struct vit_sink *sink, const struct vit_csv *csv)
{
    struct paper p[2]; /* of the model, of M0 */
    int status = find_paper(csv, "efficientvit_m0", &p[1]);
    for (int i = 0; i < r->n_unit && status == VIT_OK; i++) {
        status = find_paper(csv, r->unit[i].options.argument[0], &p[0]);
        if (status == VIT_OK)
            status = put(r, sink, &r->unit[i], p);
    }
    return vit_sink_finish(sink, status);
}

static int finish(struct vit_reproduction *r)
{
    char path[4096];
    struct vit_csv *csv;
    struct vit_sink sink;
    vit_speed_units_name(r);
    vit_speed_ratio(r, "efficientvit_m0", "efficientvit_m4");
    vit_speed_ratio(r, "efficientvit_m0", "efficientvit_m5");
    int status = vit_data_path(path, sizeof path, "paper/table2_imagenet.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_reproduction_csv(r, &sink, "table2", &schema);
    if (status == VIT_OK)
        status = write_rows(r, &sink, csv);
    vit_csv_close(csv);
    return status;
}

const struct vit_reproduction_def vit_reproduction_table2 = {
    .name = "table2",
    .title = "Table 2: multiply-accumulates, parameters, throughput",
    .detail =
        "  Counts must agree; speeds of different machines compare by their ratios. The paper's protocol: folded\n"
        "  graph, batch 16, one thread, 10 s of warm-up, 60 s (normal, full); quick: 0.5 s, 2 s, fewer models.\n"
        "  Accuracy is the paper's: it is not measured here.\n",
    .plan = vit_speed_units_plan,
    .finish = finish,
};
