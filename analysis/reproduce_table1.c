/* SPDX-License-Identifier: MIT */
/* reproduce_table1.c - Table 1: the architecture of EfficientViT M0-M5, read from the built graphs (not from the
 * numbers that they are built from) and compared cell by cell. */
#include "analysis/output.h"
#include "analysis/reproduction.h"
#include "model/base/status.h"
#include "model/zoo/model.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/sink.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a stage looks like in the graph, as the paper's table writes it. */
struct stage {
    int map, width, depth, heads, key_dim, value_dim, window;
    char kernels[32]; /* "7-5-3-3", of the depthwise convolutions on queries */
};

static void look_at_regions(struct stage *s, const struct vit_graph *g, int stage)
{
    for (int i = 0; i < g->n_region; i++) {
        const struct vit_region *region = &g->region[i];
        const struct vit_site *at = &region->site;
        if (at->stage != stage)
            continue;
        s->depth = at->block + 1 > s->depth ? at->block + 1 : s->depth;
        s->heads = at->head + 1 > s->heads ? at->head + 1 : s->heads;
        if (at->role == VIT_ROLE_QUERY)
            s->key_dim = (int)region->tensor->dim[1];
        if (at->role == VIT_ROLE_VALUE) {
            s->value_dim = (int)region->tensor->dim[1];
            s->window = (int)lround(sqrt((double)region->tensor->dim[2]));
        }
    }
}

static void look_at_operators(struct stage *s, const struct vit_graph *g, int stage)
{
    for (int i = 0; i < g->n_op; i++) {
        const struct vit_op *op = g->op[i];
        if (op->site.stage != stage || op->site.block != 0 || op->kind != VIT_OP_depthwise_conv2d)
            continue;
        if (op->site.role == VIT_ROLE_TOKEN_MIX) {
            s->width = (int)op->out[0]->dim[1];
            s->map = (int)op->out[0]->dim[2];
        } else if (op->site.role == VIT_ROLE_QUERY) {
            size_t used = strlen(s->kernels);
            snprintf(s->kernels + used, sizeof s->kernels - used, "%s%d", used ? "-" : "", op->attr.kernel);
        }
    }
}

/* The table prints the kernels of all four models' heads, whether the stage has four heads or fewer. */
static bool same(const char *paper, const char *here)
{
    size_t length = strlen(here);
    return strncmp(paper, here, length) == 0 && (paper[length] == '\0' || (paper[length] == '-' && length > 2));
}

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"stage", VIT_INT, "", "stage, from 1 as in the paper"},
    {"quantity", VIT_TEXT, "", "column of the paper's table"},
    {"paper", VIT_TEXT, "", "there"},
    {"here", VIT_TEXT, "", "in the built graph"},
    {"equal", VIT_INT, "", "1: the same"},
};
static const struct vit_schema schema = {"table1", 1, sizeof columns / sizeof columns[0], columns};

enum { N_CELLS = 8 };

static int compare_stage(struct vit_sink *sink, const struct vit_csv *csv, int64_t row, const struct stage *s,
                         int *differences)
{
    char text[N_CELLS][48];
    const int number[] = {s->width, s->depth, s->heads, s->key_dim, s->value_dim, s->window};
    static const char *const name[N_CELLS] = {
        "C_width",        "L_depth",          "H_heads",           "qk_dim_per_head",
        "v_dim_per_head", "effective_window", "resolution_at_224", "q_dwconv_kernels_by_head"};
    int model, stage, status = vit_csv_find(csv, "model", &model);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "stage", &stage);
    for (int i = 0; i < 6; i++)
        snprintf(text[i], sizeof text[i], "%d", number[i]);
    snprintf(text[6], sizeof text[6], "H/%d (%dx%d)", (int)pow(2, round(log2(224.0 / s->map))), s->map, s->map);
    snprintf(text[7], sizeof text[7], "%s", s->kernels);
    for (int i = 0; i < N_CELLS && status == VIT_OK; i++) {
        int at;
        struct vit_cell number_of_stage;
        status = vit_csv_find(csv, name[i], &at);
        if (status == VIT_OK)
            status = vit_csv_int(csv, row, stage, &number_of_stage);
        if (status != VIT_OK)
            return status;
        const char *paper = vit_csv_text(csv, row, at);
        bool equal = paper && same(paper, text[i]);
        *differences += !equal;
        const struct vit_cell cells[] = {vit_text(vit_csv_text(csv, row, model)),
                                         number_of_stage,
                                         vit_text(name[i]),
                                         vit_text(paper),
                                         vit_text(text[i]),
                                         vit_int(equal)};
        status = vit_sink_write(sink, cells);
    }
    return status;
}

/* One row of the paper's table against the graph of its model. */
static int compare(struct vit_reproduction *r, struct vit_sink *sink, const struct vit_csv *csv, int64_t row)
{
    char name[64] = "efficientvit_";
    int model, stage, differences = 0;
    struct vit_cell index;
    struct vit_graph graph;
    int status = vit_csv_find(csv, "model", &model);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "stage", &stage);
    if (status == VIT_OK)
        status = vit_csv_int(csv, row, stage, &index);
    if (status != VIT_OK)
        return status;
    const char *paper = vit_csv_text(csv, row, model);
    for (size_t i = 0, used = strlen(name); paper && paper[i] && used < sizeof name - 1; i++, used++)
        name[used] = (char)tolower((unsigned char)paper[i]);
    const struct vit_model_def *def = vit_model_find(name);
    status = def ? vit_model_build(&graph, def, (struct vit_model_options){.batch = 1}) : VIT_EINVAL;
    if (status != VIT_OK)
        return status;
    struct stage s = {0};
    look_at_regions(&s, &graph, (int)index.i - 1);
    look_at_operators(&s, &graph, (int)index.i - 1);
    vit_graph_close(&graph);
    status = compare_stage(sink, csv, row, &s, &differences);
    vit_results_value(&r->results, differences, "graph against table, cell by cell", "%s.stage%d.differences", name,
                      (int)index.i);
    return status;
}

static int plan(struct vit_reproduction *r)
{
    (void)r; /* graphs are built in no time: nothing worth keeping */
    return VIT_OK;
}

/* What a claim is about: differences of all stages of a model, and of all models. */
static void sum(struct vit_reproduction *r)
{
    double all = 0;
    for (int m = 0; m < 6; m++) {
        double differences = 0;
        for (int stage = 1; stage <= 3; stage++)
            differences += vit_results_real(&r->results, "efficientvit_m%d.stage%d.differences", m, stage);
        vit_results_value(&r->results, differences, "sum over stages", "efficientvit_m%d.differences", m);
        all += differences;
    }
    vit_results_value(&r->results, all, "sum over models", "differences");
}

static int finish(struct vit_reproduction *r)
{
    char path[4096];
    struct vit_csv *csv;
    struct vit_sink sink;
    int status = vit_data_path(path, sizeof path, "paper/table1_architecture.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_reproduction_csv(r, &sink, "table1", &schema);
    if (status == VIT_OK) {
        for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++)
            status = compare(r, &sink, csv, row);
        status = vit_sink_finish(&sink, status);
    }
    vit_csv_close(csv);
    if (status == VIT_OK)
        sum(r);
    return status;
}

static const struct vit_column shown[] = {
    {"model", VIT_TEXT, "", ""},   {"stage", VIT_TEXT, "", ""},  {"width", VIT_TEXT, "", ""},
    {"depth", VIT_TEXT, "", ""},   {"heads", VIT_TEXT, "", ""},  {"qk", VIT_TEXT, "", ""},
    {"v", VIT_TEXT, "", ""},       {"window", VIT_TEXT, "", ""}, {"map", VIT_TEXT, "", ""},
    {"kernels", VIT_TEXT, "", ""}, {"paper", VIT_TEXT, "", ""},
};
enum { N_SHOWN = sizeof shown / sizeof shown[0] };

/* One stage: what is in the graph, and at the end where the paper has something else. */
static int print_stage(struct vit_sink *sink, const struct vit_csv *csv, const int *at, int64_t row)
{
    enum { MODEL, STAGE, QUANTITY, PAPER, HERE, EQUAL };
    char others[200] = "";
    struct vit_cell cell[N_SHOWN] = {vit_text(vit_csv_text(csv, row, at[MODEL])),
                                     vit_text(vit_csv_text(csv, row, at[STAGE]))};
    for (int i = 0; i < N_CELLS; i++) {
        const char *equal = vit_csv_text(csv, row + i, at[EQUAL]), *paper = vit_csv_text(csv, row + i, at[PAPER]);
        const size_t used = strlen(others);
        cell[2 + i] = vit_text(vit_csv_text(csv, row + i, at[HERE]));
        if (!equal || strcmp(equal, "1") != 0)
            snprintf(others + used, sizeof others - used, "%s%s: %s", used ? "; " : "",
                     vit_csv_text(csv, row + i, at[QUANTITY]), paper ? paper : "");
    }
    cell[2 + N_CELLS] = vit_text(*others ? others : "the same");
    return vit_sink_write(sink, cell);
}

static int print_stages(const struct vit_reproduction *r, const struct vit_csv *csv)
{
    static const struct vit_schema table = {"table1", 1, N_SHOWN, shown};
    int at[sizeof columns / sizeof columns[0]], status = VIT_OK;
    struct vit_sink sink;
    for (int c = 0; c < schema.n_columns && status == VIT_OK; c++)
        status = vit_csv_find(csv, columns[c].name, &at[c]);
    if (status == VIT_OK)
        status = vit_output_open(&sink, r->options, &table, NULL);
    if (status != VIT_OK)
        return status;
    for (int64_t row = 0; row + N_CELLS <= vit_csv_rows(csv) && status == VIT_OK; row += N_CELLS)
        status = print_stage(&sink, csv, at, row);
    return vit_sink_finish(&sink, status);
}

static int print(const struct vit_reproduction *r)
{
    char path[4200];
    struct vit_csv *csv;
    snprintf(path, sizeof path, "%s/table1.csv", r->folder);
    int status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = print_stages(r, csv);
    vit_csv_close(csv);
    printf("\n");
    return status;
}

const struct vit_reproduction_def vit_reproduction_table1 = {
    .name = "table1",
    .title = "Table 1: architecture of EfficientViT",
    .detail =
        "  Width, depth, heads, widths per head, windows, kernels and map of each stage, read from the built graphs.\n"
        "  The same for every budget.\n",
    .plan = plan,
    .finish = finish,
    .print = print,
};
