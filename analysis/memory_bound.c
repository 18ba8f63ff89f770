/* SPDX-License-Identifier: MIT */
/* memory_bound.c - the paper's Fig. 2 for any model and settings: how much of a model's time goes to operators that
 * move data rather than compute. The paper measured Swin-T and DeiT-T on a GPU with PyTorch's profiler and does not say
 * which kernels belong to which of its six classes; the map used here is printed with every result. */
#include "analysis/class_shares.h"
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <string.h>

static const char *const default_models[] = {"deit_tiny", "swin_tiny"};

struct shares {
    char model[VIT_MODEL_LABEL];
    bool has_paper;
    struct vit_class_shares paper, here;
    double images_per_s;
};

enum { MOST_MODELS = 32 };

struct study {
    const struct vit_options *options;
    const char *folder;
    struct shares model[MOST_MODELS];
    int n;
    char settings[256];
};

/* Profiles one model and sums its operators by class; raw tables go into a folder of the model's name. */
static int measure(struct study *study, struct vit_json *json, const char *name, const struct vit_machine *machine)
{
    static struct vit_profile profile; /* large; observers point into it */
    char folder[4200];
    struct vit_options options = *study->options;
    options.probes = "wall_time,traffic,memory";
    struct shares *s = &study->model[study->n];
    *s = (struct shares){0};
    vit_run_folder_within(folder, sizeof folder, study->folder, name);
    int status = vit_class_shares_paper(&s->paper, name, &s->has_paper);
    if (status == VIT_OK)
        status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_profile_open(&profile, name, &options, machine);
    if (status != VIT_OK)
        return status;
    snprintf(s->model, sizeof s->model, "%s", profile.instance.model->name);
    vit_class_shares_of(&s->here, &profile);
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

static int put_shares(const struct study *study, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int i = 0; i < study->n && status == VIT_OK; i++) {
        const struct shares *s = &study->model[i];
        if (s->has_paper)
            status = vit_class_shares_emit(sink, s->model, "paper", &s->paper);
        if (status == VIT_OK)
            status = vit_class_shares_emit(sink, s->model, "here", &s->here);
    }
    return vit_sink_finish(sink, status);
}

static int write_shares(const struct study *study)
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/memory_bound.csv", study->folder);
    int status = vit_sink_open_csv(&sink, &vit_class_shares_schema, path);
    return status == VIT_OK ? put_shares(study, &sink) : status;
}

/* What CSV and JSON on stdout hold: the rows of the figure. */
static int print_shares(const struct study *study)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, study->options, &vit_class_shares_schema, NULL);
    return status == VIT_OK ? put_shares(study, &sink) : status;
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
                                 s->has_paper ? vit_real_cell(s->paper.share_pct[i].median) : vit_absent(),
                                 vit_real_cell(s->here.share_pct[i].median), vit_real_cell(s->here.time_ns[i]),
                                 vit_int(s->here.operators[i])};
        status = vit_sink_write(&sink, row);
    }
    status = vit_sink_finish(&sink, status);
    printf("\n");
    return status;
}

static int print_summary(const struct study *study)
{
    static const struct vit_column summary_columns[] = {
        {"model", VIT_TEXT, "", "model"},
        {"memory_bound_paper_pct", VIT_REAL, "%", "reshape, normalization, copy and addition in the paper"},
        {"memory_bound_here_pct", VIT_REAL, "%", "the same classes on this machine"},
        {"difference_points", VIT_REAL, "", "here minus paper"},
        {"images_per_s", VIT_REAL, "", "plain runs on this machine"},
    };
    static const struct vit_schema summary_schema = {
        "memory_bound_summary", 1, sizeof summary_columns / sizeof summary_columns[0], summary_columns};
    struct vit_sink sink;
    int status = vit_output_open(&sink, study->options, &summary_schema, NULL);
    for (int i = 0; i < study->n && status == VIT_OK; i++) {
        const struct shares *s = &study->model[i];
        const double here = s->here.memory_bound_pct.median, paper = s->paper.memory_bound_pct.median;
        struct vit_cell row[] = {vit_text(s->model), s->has_paper ? vit_real_cell(paper) : vit_absent(),
                                 vit_real_cell(here), s->has_paper ? vit_real_cell(here - paper) : vit_absent(),
                                 vit_real_cell(s->images_per_s)};
        status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

static int print(const struct study *study)
{
    if (!vit_output_is_table(study->options))
        return print_shares(study);
    printf("Fig. 2 of arXiv 2305.07027: share of run time by class of operators\n"
           "paper: one GPU (batch and precision not told), PyTorch; here: %s\n\n",
           study->settings);
    vit_class_map_print();
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

static int write_results(const struct study *study, struct vit_json *json)
{
    char path[4200], subtitle[400];
    int status = write_shares(study), bars = 0;
    if (status == VIT_OK)
        status = vit_class_map_write(study->folder);
    for (int i = 0; i < study->n; i++)
        bars += 1 + study->model[i].has_paper;
    snprintf(subtitle, sizeof subtitle, "paper: GPU, PyTorch; here: %s", study->settings);
    if (status == VIT_OK && vit_plot_available())
        status = vit_class_shares_draw(study->folder, subtitle, bars);
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
    if (options->n_argument == 1 && options->weights) { /* they tell their network */
        n = 1;
        model = &options->weights;
    }
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
