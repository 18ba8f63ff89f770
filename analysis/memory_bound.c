/* SPDX-License-Identifier: MIT */
/* memory_bound.c - the paper's Fig. 2: how much of a model's time goes to operators that move data rather than
 * compute. The paper measured Swin-T and DeiT-T on a GPU with PyTorch's profiler and does not say which kernels belong
 * to which of its six classes; the map used here is the table below, and is printed with every result. */
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/paper_class.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"
#include "reports/gnuplot.h"

#include <string.h>

/* Names of the paper's rows for our models. */
static const struct {
    const char *model, *paper;
} paper_name[] = {{"swin_tiny", "Swin-T"}, {"deit_tiny", "DeiT-T"}};

static const char *const default_models[] = {"deit_tiny", "swin_tiny"};

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "paper, or here"},
    {"operator_class", VIT_TEXT, "", "class of the paper's Fig. 2"},
    {"share_pct", VIT_REAL, "%", "share of the run time"},
    {"memory_bound", VIT_INT, "", "1: memory-bound in the paper's figure"},
    {"time_ns", VIT_REAL, "ns", "time of one forward; empty for the paper"},
    {"operators", VIT_INT, "", "operators; empty for the paper"},
    {"graph", VIT_TEXT, "", "variant of the graph; empty for the paper, as what follows"},
    {"batch", VIT_INT, "", "images per forward"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"threads", VIT_INT, "", "threads"},
    {"repeats", VIT_INT, "", "runs that the times are medians of"},
};
static const struct vit_schema schema = {"memory_bound", 1, sizeof columns / sizeof columns[0], columns};

static const struct vit_column summary_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"memory_bound_paper_pct", VIT_REAL, "%", "reshape, normalization, copy and addition in the paper"},
    {"memory_bound_here_pct", VIT_REAL, "%", "the same classes on this machine"},
    {"difference_points", VIT_REAL, "", "here minus paper"},
    {"images_per_s", VIT_REAL, "", "plain runs on this machine"},
};
static const struct vit_schema summary_schema = {"memory_bound_summary", 1,
                                                 sizeof summary_columns / sizeof summary_columns[0], summary_columns};

struct shares {
    char model[64];
    bool has_paper;
    double paper[VIT_N_PAPER_CLASSES], here[VIT_N_PAPER_CLASSES], time_ns[VIT_N_PAPER_CLASSES];
    int operators[VIT_N_PAPER_CLASSES];
    double images_per_s;
    int batch, image_size, repeats;
};

enum { MOST_MODELS = 32 };

struct study {
    const struct vit_options *options;
    const char *folder;
    struct shares model[MOST_MODELS];
    int n;
    char settings[256];
};

static double memory_bound(const double *share)
{
    double sum = 0;
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++)
        sum += vit_paper_class[i].memory_bound ? share[i] : 0;
    return sum;
}

/* The paper's printed numbers, where it has this model. */
static int read_paper(struct shares *s)
{
    char path[4096];
    struct vit_csv *csv;
    int model, class_column, share, status = vit_data_path(path, sizeof path, "paper/fig2_runtime_profile.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    status = vit_csv_find(csv, "model", &model);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "operator_class", &class_column);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "runtime_share_pct", &share);
    const char *name = NULL;
    for (size_t i = 0; i < sizeof paper_name / sizeof paper_name[0]; i++)
        if (strcmp(paper_name[i].model, s->model) == 0)
            name = paper_name[i].paper;
    for (int64_t row = 0; name && status == VIT_OK && row < vit_csv_rows(csv); row++) {
        const char *row_model = vit_csv_text(csv, row, model), *row_class = vit_csv_text(csv, row, class_column);
        for (int i = 0; i < VIT_N_PAPER_CLASSES && row_model && row_class && strcmp(row_model, name) == 0; i++) {
            struct vit_cell cell;
            if (strcmp(row_class, vit_paper_class[i].name) != 0)
                continue;
            status = vit_csv_real(csv, row, share, &cell);
            if (status == VIT_OK && cell.present)
                s->paper[i] = cell.r;
            s->has_paper = true;
        }
    }
    vit_csv_close(csv);
    return status;
}

/* Profiles one model and sums its operators by class; raw tables go into a folder of the model's name. */
static int measure(struct study *study, struct vit_json *json, const char *name, const struct vit_machine *machine)
{
    static struct vit_profile profile; /* large; observers point into it */
    char folder[4200];
    struct vit_options options = *study->options;
    options.probes = "wall_time,traffic,memory";
    struct shares *s = &study->model[study->n];
    *s = (struct shares){0};
    snprintf(s->model, sizeof s->model, "%s", name);
    snprintf(folder, sizeof folder, "%s/%s", study->folder, name);
    int status = read_paper(s);
    if (status == VIT_OK)
        status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_profile_open(&profile, name, &options, machine);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < profile.instance.plan.n_step; i++) {
        int at = vit_paper_class_of(profile.instance.plan.step[i].op->kind);
        s->time_ns[at] += profile.step_ns[i];
        s->operators[at]++;
    }
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++)
        s->here[i] = 100 * s->time_ns[i] / profile.total_ns;
    s->batch = profile.instance.graph.batch;
    s->image_size = (int)profile.instance.graph.input->dim[2];
    s->repeats = profile.measurement.n_repeat;
    s->images_per_s = profile.instance.graph.batch * 1e9 / profile.plain.median;
    vit_profile_settings(&profile, study->settings, sizeof study->settings);
    char *repeats = strstr(study->settings, ", median of"); /* differs from model to model */
    if (repeats)
        strcpy(repeats, ", medians");
    status = vit_profile_write(&profile, folder);
    vit_run_info_profile(json, &profile, folder);
    vit_profile_close(&profile);
    study->n++;
    return status;
}

static int write_model(struct vit_sink *sink, const struct study *study, const struct shares *s, bool paper)
{
    const char *graph = study->options->graph ? study->options->graph : "eager";
    int status = VIT_OK;
    for (int i = 0; i < VIT_N_PAPER_CLASSES && status == VIT_OK; i++) {
        struct vit_cell row[] = {vit_text(s->model),
                                 vit_text(paper ? "paper" : "here"),
                                 vit_text(vit_paper_class[i].name),
                                 vit_real_cell(paper ? s->paper[i] : s->here[i]),
                                 vit_int(vit_paper_class[i].memory_bound),
                                 paper ? vit_absent() : vit_real_cell(s->time_ns[i]),
                                 paper ? vit_absent() : vit_int(s->operators[i]),
                                 paper ? vit_absent() : vit_text(graph),
                                 paper ? vit_absent() : vit_int(s->batch),
                                 paper ? vit_absent() : vit_int(s->image_size),
                                 paper ? vit_absent() : vit_int(study->options->threads),
                                 paper ? vit_absent() : vit_int(s->repeats)};
        status = vit_sink_write(sink, row);
    }
    return status;
}

static int put_shares(const struct study *study, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int i = 0; i < study->n && status == VIT_OK; i++) {
        if (study->model[i].has_paper)
            status = write_model(sink, study, &study->model[i], true);
        if (status == VIT_OK)
            status = write_model(sink, study, &study->model[i], false);
    }
    if (status == VIT_OK)
        return vit_sink_close(sink);
    vit_sink_abort(sink);
    return status;
}

static int write_shares(const struct study *study)
{
    char path[4200];
    const struct vit_sink_def *csv;
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/memory_bound.csv", study->folder);
    int status = vit_sink_find(&csv, "csv");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, csv, &schema, &(struct vit_sink_target){.path = path});
    return status == VIT_OK ? put_shares(study, &sink) : status;
}

/* What CSV and JSON on stdout hold: the rows of the figure. */
static int print_shares(const struct study *study)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, study->options, &schema, NULL);
    return status == VIT_OK ? put_shares(study, &sink) : status;
}

static int write_class_map(const struct study *study)
{
    static const struct vit_column map_columns[] = {
        {"kind", VIT_TEXT, "", "kind of operator"},
        {"operator_class", VIT_TEXT, "", "class of the paper's Fig. 2 that it is counted to"},
        {"memory_bound", VIT_INT, "", "1: memory-bound in the paper's figure"},
    };
    static const struct vit_schema map_schema = {"class_map", 1, 3, map_columns};
    char path[4200];
    const struct vit_sink_def *csv;
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/class_map.csv", study->folder);
    int status = vit_sink_find(&csv, "csv");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, csv, &map_schema, &(struct vit_sink_target){.path = path});
    if (status != VIT_OK)
        return status;
    for (int kind = 0; kind < VIT_N_OPS && status == VIT_OK; kind++) {
        int at = vit_paper_class_of((enum vit_op_kind)kind);
        struct vit_cell row[] = {vit_text(vit_op_table[kind]->name), vit_text(vit_paper_class[at].name),
                                 vit_int(vit_paper_class[at].memory_bound)};
        status = vit_sink_write(&sink, row);
    }
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    vit_sink_abort(&sink);
    return status;
}

static void print_class_map(void)
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

/* One row per class, paper and machine side by side. */
static int print_classes(const struct study *study, const struct shares *s)
{
    static const struct vit_column print_columns[] = {
        {"class", VIT_TEXT, "", ""},     {"paper", VIT_REAL, "%", ""}, {"here", VIT_REAL, "%", ""},
        {"time_ns", VIT_REAL, "ns", ""}, {"ops", VIT_INT, "", ""},
    };
    static const struct vit_schema print_schema = {"classes", 1, 5, print_columns};
    struct vit_sink sink;
    printf("%s\n", s->model);
    int status = vit_output_open(&sink, study->options, &print_schema, "here");
    for (int i = 0; i < VIT_N_PAPER_CLASSES && status == VIT_OK; i++) {
        struct vit_cell row[] = {vit_text(vit_paper_class[i].name),
                                 s->has_paper ? vit_real_cell(s->paper[i]) : vit_absent(), vit_real_cell(s->here[i]),
                                 vit_real_cell(s->time_ns[i]), vit_int(s->operators[i])};
        status = vit_sink_write(&sink, row);
        if (status != VIT_OK)
            vit_sink_abort(&sink);
    }
    if (status == VIT_OK)
        status = vit_sink_close(&sink);
    printf("\n");
    return status;
}

static int print_summary(const struct study *study)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, study->options, &summary_schema, NULL);
    for (int i = 0; i < study->n && status == VIT_OK; i++) {
        const struct shares *s = &study->model[i];
        double here = memory_bound(s->here), paper = memory_bound(s->paper);
        struct vit_cell row[] = {vit_text(s->model), s->has_paper ? vit_real_cell(paper) : vit_absent(),
                                 vit_real_cell(here), s->has_paper ? vit_real_cell(here - paper) : vit_absent(),
                                 vit_real_cell(s->images_per_s)};
        status = vit_sink_write(&sink, row);
        if (status != VIT_OK)
            vit_sink_abort(&sink);
    }
    return status == VIT_OK ? vit_sink_close(&sink) : status;
}

static int print(const struct study *study)
{
    if (!vit_output_is_table(study->options))
        return print_shares(study);
    printf("Fig. 2 of arXiv 2305.07027: share of run time by class of operators\n"
           "paper: one GPU (batch and precision not told), PyTorch; here: %s\n\n",
           study->settings);
    print_class_map();
    int status = VIT_OK;
    for (int i = 0; i < study->n && status == VIT_OK; i++)
        status = print_classes(study, &study->model[i]);
    if (status == VIT_OK)
        status = print_summary(study);
    if (status != VIT_OK)
        return status;
    printf("\nresults in %s: memory_bound.csv, class_map.csv, run.json, MODEL/operators.csv and more\n", study->folder);
    if (vit_plot_available())
        printf("figure: %s/memory_bound.svg, .png\n", study->folder);
    else
        printf("%s\n", vit_error());
    return VIT_OK;
}

static int draw(const struct study *study)
{
    char data[4200], output[4200], subtitle[400], width[16];
    snprintf(data, sizeof data, "%s/memory_bound.csv", study->folder);
    snprintf(output, sizeof output, "%s/memory_bound", study->folder);
    snprintf(width, sizeof width, "%d", study->n > 3 ? 350 + 170 * study->n : 860); /* room for each model's bars */
    snprintf(subtitle, sizeof subtitle, "paper: GPU, PyTorch; here: %s", study->settings);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH},
        {"title", "Run time by class of operators, memory-bound in red", VIT_PLOT_TEXT},
        {"subtitle", subtitle, VIT_PLOT_TEXT},
        {"width", width, VIT_PLOT_NUMBER}};
    return vit_plot_draw(
        &(struct vit_plot){.figure = "memory_bound", .output = output, .variable = variable, .n_variable = 4});
}

static int write_results(const struct study *study, struct vit_json *json)
{
    char path[4200];
    int status = write_shares(study);
    if (status == VIT_OK)
        status = write_class_map(study);
    if (status == VIT_OK && vit_plot_available())
        status = draw(study);
    snprintf(path, sizeof path, "%s/run.json", study->folder);
    return status == VIT_OK ? vit_json_write(json, path) : status;
}

static int run(const struct vit_options *options, const char *folder)
{
    static struct vit_machine machine;
    static struct study study;
    struct vit_json json;
    study = (struct study){.options = options, .folder = folder};
    int n_default = sizeof default_models / sizeof default_models[0];
    int n = options->n_argument > 1 ? options->n_argument - 1 : n_default;
    const char *const *model = options->n_argument > 1 ? options->argument + 1 : default_models;
    if (n > MOST_MODELS)
        return vit_fail(VIT_EINVAL, "%d models, at most %d", n, MOST_MODELS);
    int status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = vit_machine_ceilings(&machine, options->threads);
    if (status != VIT_OK)
        return status;
    vit_json_open(&json);
    vit_run_info_begin(&json, "study memory-bound", options, &machine);
    vit_json_array(&json, "models");
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = measure(&study, &json, model[i], &machine);
    vit_json_end(&json);
    if (status == VIT_OK)
        status = write_results(&study, &json);
    vit_json_close(&json);
    return status == VIT_OK ? print(&study) : status;
}

const struct vit_study_def vit_study_memory_bound = {
    .name = "memory-bound",
    .question = "how much of the run time goes to operators that move data rather than compute (the paper's Fig. 2)?",
    .detail =
        "  Times every operator of the eager graph, sums by the paper's six classes, and puts the paper's numbers\n"
        "  (GPU, PyTorch) beside this machine's. Which kernels the paper counted to which class is not known: the\n"
        "  map used is printed. Default models: deit_tiny swin_tiny.\n",
    .run = run,
};
