/* SPDX-License-Identifier: MIT */
#include "analysis/class_shares.h"

#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/gnuplot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of the paper's rows for our models. */
static const struct {
    const char *model, *paper;
} paper_name[] = {{"swin_tiny", "Swin-T"}, {"deit_tiny", "DeiT-T"}};

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "paper; here, or where variants stand beside each other the one measured here"},
    {"operator_class", VIT_TEXT, "", "class of the paper's Fig. 2"},
    {"share_pct", VIT_REAL, "%", "share of the run time, median over the runs: the classes add up to about 100"},
    {"memory_bound", VIT_INT, "", "1: memory-bound in the paper's figure"},
    {"memory_bound_pct", VIT_REAL, "%", "share of all classes that are, the same for each class"},
    {"share_low_pct", VIT_REAL, "%", "first quartile over the runs; empty for the paper, as what follows"},
    {"share_high_pct", VIT_REAL, "%", "third quartile"},
    {"memory_bound_low_pct", VIT_REAL, "%", "first quartile over the runs"},
    {"memory_bound_high_pct", VIT_REAL, "%", "third quartile"},
    {"time_ns", VIT_REAL, "ns", "time of one forward, median over the runs"},
    {"operators", VIT_INT, "", "operators"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"batch", VIT_INT, "", "images per forward"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"threads", VIT_INT, "", "threads"},
    {"repeats", VIT_INT, "", "runs that the times are medians of"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
const struct vit_schema vit_class_shares_schema = {"memory_bound", 1, N_COLUMNS, columns};

struct vit_run_part vit_run_part_of(const struct vit_profile *p, bool (*chosen)(const struct vit_op *op, int context),
                                    int context)
{
    enum { MOST = 1024 };
    double time[MOST], share[MOST];
    const struct vit_measurement *m = &p->measurement;
    int column = vit_schema_find(vit_session_schema(&p->session), "time_ns"), n = 0;
    for (int r = 0; r < m->n_repeat && n < MOST; r++, n++) {
        double all = 0;
        time[n] = 0;
        for (int s = 0; s < m->n_step; s++) {
            const double ns = (double)vit_measurement_cells(m, r, s)[column].i;
            all += ns;
            time[n] += chosen(p->instance.plan.step[s].op, context) ? ns : 0;
        }
        share[n] = 100 * time[n] / all;
    }
    return (struct vit_run_part){.time_ns = vit_stats_summary(time, n), .share_pct = vit_stats_summary(share, n)};
}

static bool is_any(const struct vit_op *op, int context)
{
    (void)op;
    (void)context;
    return true;
}

static bool is_of_class(const struct vit_op *op, int class)
{
    return (int)vit_paper_class_of(op->kind) == class;
}

static bool is_memory_bound(const struct vit_op *op, int context)
{
    (void)context;
    return vit_paper_class[vit_paper_class_of(op->kind)].memory_bound;
}

void vit_class_shares_of(struct vit_class_shares *s, const struct vit_profile *p)
{
    const struct vit_run_part bound = vit_run_part_of(p, is_memory_bound, 0);
    *s = (struct vit_class_shares){.measured = true,
                                   .memory_bound_pct = bound.share_pct,
                                   .memory_bound_ns = bound.time_ns.median,
                                   .all_ns = vit_run_part_of(p, is_any, 0).time_ns.median,
                                   .graph = p->instance.options.model.graph ? p->instance.options.model.graph : "eager",
                                   .batch = p->instance.graph.batch,
                                   .image_size = (int)p->instance.graph.input->dim[2],
                                   .threads = p->instance.plan.threads,
                                   .repeats = p->measurement.n_repeat};
    for (int i = 0; i < p->instance.plan.n_step; i++)
        s->operators[vit_paper_class_of(p->instance.plan.step[i].op->kind)]++;
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++) {
        const struct vit_run_part part = vit_run_part_of(p, is_of_class, i);
        s->time_ns[i] = part.time_ns.median;
        s->share_pct[i] = part.share_pct;
    }
}

struct paper_table {
    struct vit_csv *csv;
    int model, operator_class, share;
};

static int open_paper(struct paper_table *t)
{
    char path[4096];
    int status = vit_data_path(path, sizeof path, "paper/fig2_runtime_profile.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&t->csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(t->csv, "model", &t->model);
    if (status == VIT_OK)
        status = vit_csv_find(t->csv, "operator_class", &t->operator_class);
    if (status == VIT_OK)
        status = vit_csv_find(t->csv, "runtime_share_pct", &t->share);
    if (status != VIT_OK)
        vit_csv_close(t->csv);
    return status;
}

static const char *name_in_paper(const char *model)
{
    for (size_t i = 0; i < sizeof paper_name / sizeof paper_name[0]; i++)
        if (strcmp(paper_name[i].model, model) == 0)
            return paper_name[i].paper;
    return NULL;
}

int vit_class_shares_paper(struct vit_class_shares *s, const char *model, bool *has_paper)
{
    struct paper_table t;
    const char *name = name_in_paper(model);
    *s = (struct vit_class_shares){0};
    *has_paper = name != NULL;
    int status = name ? open_paper(&t) : VIT_OK;
    if (!name || status != VIT_OK)
        return status;
    for (int64_t row = 0; status == VIT_OK && row < vit_csv_rows(t.csv); row++) {
        const char *row_model = vit_csv_text(t.csv, row, t.model);
        const char *row_class = vit_csv_text(t.csv, row, t.operator_class);
        for (int i = 0; i < VIT_N_PAPER_CLASSES && row_model && row_class && strcmp(row_model, name) == 0; i++) {
            struct vit_cell cell;
            if (strcmp(row_class, vit_paper_class[i].name) != 0)
                continue;
            status = vit_csv_real(t.csv, row, t.share, &cell);
            if (status == VIT_OK && cell.present)
                s->share_pct[i].median = cell.r;
        }
    }
    vit_csv_close(t.csv);
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++)
        s->memory_bound_pct.median += vit_paper_class[i].memory_bound ? s->share_pct[i].median : 0;
    return status;
}

int vit_class_shares_emit(struct vit_sink *sink, const char *model, const char *source,
                          const struct vit_class_shares *s)
{
    int status = VIT_OK;
    for (int i = 0; i < VIT_N_PAPER_CLASSES && status == VIT_OK; i++) {
        struct vit_cell row[N_COLUMNS] = {vit_text(model),
                                          vit_text(source),
                                          vit_text(vit_paper_class[i].name),
                                          vit_real_cell(s->share_pct[i].median),
                                          vit_int(vit_paper_class[i].memory_bound),
                                          vit_real_cell(s->memory_bound_pct.median)};
        if (s->measured) {
            const struct vit_cell here[] = {vit_real_cell(s->share_pct[i].low),
                                            vit_real_cell(s->share_pct[i].high),
                                            vit_real_cell(s->memory_bound_pct.low),
                                            vit_real_cell(s->memory_bound_pct.high),
                                            vit_real_cell(s->time_ns[i]),
                                            vit_int(s->operators[i]),
                                            vit_text(s->graph),
                                            vit_int(s->batch),
                                            vit_int(s->image_size),
                                            vit_int(s->threads),
                                            vit_int(s->repeats)};
            memcpy(row + N_COLUMNS - sizeof here / sizeof here[0], here, sizeof here);
        }
        status = vit_sink_write(sink, row);
    }
    return status;
}

void vit_class_map_print(void)
{
    printf("class map (* memory-bound in the paper's figure):\n");
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++) {
        printf("  %s %-22s", vit_paper_class[i].memory_bound ? "*" : " ", vit_paper_class[i].name);
        for (int kind = 0; kind < VIT_N_OPS; kind++)
            if (vit_paper_class_of((enum vit_op_kind)kind) == i)
                printf(" %s", vit_op_table[kind]->name);
        printf("\n");
    }
    printf("\n");
}

int vit_class_map_write(const char *folder)
{
    static const struct vit_column map_columns[] = {
        {"kind", VIT_TEXT, "", "kind of operator"},
        {"operator_class", VIT_TEXT, "", "class of the paper's Fig. 2 that it is counted to"},
        {"memory_bound", VIT_INT, "", "1: memory-bound in the paper's figure"},
    };
    static const struct vit_schema map_schema = {"class_map", 1, 3, map_columns};
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/class_map.csv", folder);
    int status = vit_sink_open_csv(&sink, &map_schema, path);
    if (status != VIT_OK)
        return status;
    for (int kind = 0; kind < VIT_N_OPS && status == VIT_OK; kind++) {
        int at = vit_paper_class_of((enum vit_op_kind)kind);
        struct vit_cell row[] = {vit_text(vit_op_table[kind]->name), vit_text(vit_paper_class[at].name),
                                 vit_int(vit_paper_class[at].memory_bound)};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

int vit_class_shares_draw(const char *folder, const char *subtitle, int bars)
{
    char data[4200], output[4200], width[16];
    snprintf(data, sizeof data, "%s/memory_bound.csv", folder);
    snprintf(output, sizeof output, "%s/memory_bound", folder);
    snprintf(width, sizeof width, "%d", bars > 6 ? 350 + 85 * bars : 860); /* room for each bar */
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH},
        {"title", "Run time by class of operators, memory-bound in red", VIT_PLOT_TEXT},
        {"subtitle", subtitle, VIT_PLOT_TEXT},
        {"width", width, VIT_PLOT_NUMBER}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "memory_bound", .output = output, .variable = variable, .n_variable = 4});
}
