/* SPDX-License-Identifier: MIT */
/* profile.c - `vitscope profile`: each model operator by operator, tables on stdout, a run folder with all numbers. */
#include "analysis/command.h"
#include "analysis/doctor.h"
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "model/base/text.h"
#include "probes/counter_survey.h"
#include "reports/gnuplot.h"

#include <stdio.h>
#include <string.h>

/* A single model's files are in the folder itself, those of several in one folder each. */
static void model_folder(char *path, size_t size, const char *folder, const struct vit_options *options, int index)
{
    if (options->n_argument == 1)
        snprintf(path, size, "%s", folder);
    else
        vit_run_folder_within(path, size, folder, options->argument[index]);
}

static const struct vit_column headline_columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"run", VIT_TEXT, "", "forward, or forward+backward"},
    {"batch", VIT_INT, "", "images per run"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"threads", VIT_INT, "", "threads"},
    {"images_per_s", VIT_REAL, "", "of plain runs: batch / median time"},
    {"run_ns", VIT_REAL, "ns", "median time of a plain run: forward, or training step"},
    {"overhead_pct", VIT_REAL, "%", "instrumented / plain - 1, median over pairs"},
    {"explained_pct", VIT_REAL, "%", "operators' sum / instrumented run, median"},
    {"repeats", VIT_INT, "", "pairs of runs"},
};
enum { N_HEADLINE = sizeof headline_columns / sizeof headline_columns[0] };
static const struct vit_schema headline_schema = {"models", 2, N_HEADLINE, headline_columns};

/* What the models of one run share. */
struct report {
    const struct vit_options *options;
    struct vit_machine machine;
    struct vit_json json;
    struct vit_schema_builder schema;
    struct vit_sink rows; /* on stdout, where the form is not for readers; opened by the first model */
    bool has_rows;
    struct vit_cell headline[VIT_MAX_ARGUMENTS][N_HEADLINE];
    char model[VIT_MAX_ARGUMENTS][VIT_MODEL_LABEL]; /* of the headlines: an instance's own name goes with it */
    int n_headline;
    bool measured; /* bytes of some model were measured */
};

static void add_headline(struct report *report, const struct vit_profile *p)
{
    char *model = report->model[report->n_headline];
    snprintf(model, VIT_MODEL_LABEL, "%s", p->instance.model->name);
    const struct vit_instance_options *options = &p->instance.options;
    const char *graph = options->model.graph;
    const struct vit_cell row[N_HEADLINE] = {
        vit_text(model),
        vit_text(graph ? graph : "eager"),
        vit_text(options->backward ? "forward+backward" : "forward"),
        vit_int(p->instance.graph.batch),
        vit_int(p->instance.graph.input->dim[2]),
        vit_int(p->instance.plan.threads),
        vit_real_cell(p->instance.graph.batch * 1e9 / p->plain.median),
        vit_real_cell(p->plain.median),
        vit_real_cell(100 * p->overhead),
        vit_real_cell(100 * p->explained),
        vit_int(p->measurement.n_repeat),
    };
    memcpy(report->headline[report->n_headline++], row, sizeof row);
}

/* Rows of classes on stdout; the probes of the first model decide the columns of all. */
static int put_rows(struct report *report, const struct vit_profile *profile)
{
    int status = VIT_OK;
    if (!report->rows.def) {
        status = vit_profile_group_schema(profile, &report->schema);
        if (status == VIT_OK)
            status = vit_output_open(&report->rows, report->options, &report->schema.schema, NULL);
    }
    return status == VIT_OK ? vit_profile_emit_groups(profile, &report->rows, vit_profile_class) : status;
}

static int profile_model(struct report *report, const char *model, const char *folder)
{
    static struct vit_profile profile; /* large; observers point into it */
    int status = vit_profile_open(&profile, model, report->options, &report->machine);
    if (status != VIT_OK)
        return vit_fail_in(status, "%s", model);
    status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = report->has_rows ? put_rows(report, &profile) : vit_profile_print(&profile, report->options);
    if (status == VIT_OK)
        status = vit_profile_write(&profile, folder);
    if (status == VIT_OK && vit_plot_available())
        status = vit_profile_draw(&profile, folder);
    vit_run_info_profile(&report->json, &profile, folder);
    add_headline(report, &profile);
    for (int i = 0; i < profile.traffic.n; i++)
        report->measured = report->measured ||
                           (profile.traffic.figure[i].tier == VIT_TIER_MEASURED && profile.traffic.step[i].present);
    vit_profile_close(&profile);
    return status;
}

static int check_models(const struct vit_options *options)
{
    for (int i = 0; i < options->n_argument; i++) {
        struct vit_recognised found;
        int status = vit_recognise_model(&found, options->argument[i], NULL, options->set);
        if (status != VIT_OK)
            return status;
        for (int k = 0; k < i; k++)
            if (strcmp(options->argument[i], options->argument[k]) == 0)
                return vit_fail(VIT_EINVAL, "model %s is given twice", options->argument[i]);
    }
    const struct vit_sink_def *form; /* an unknown name fails before minutes of measuring */
    return vit_sink_find(&form, options->format ? options->format : "table");
}

/* Also after a failure, whose message is kept: what was measured until then stays described. */
static int write_run(struct vit_json *json, const char *folder, int status)
{
    char path[4200], message[4096];
    snprintf(message, sizeof message, "%s", vit_error());
    snprintf(path, sizeof path, "%s/run.json", folder);
    int written = vit_json_write(json, path);
    return status == VIT_OK ? written : vit_fail(status, "%s", message);
}

static int put_headlines(const struct report *report, struct vit_sink *sink)
{
    for (int i = 0; i < report->n_headline; i++) {
        int status = vit_sink_write(sink, report->headline[i]);
        if (status != VIT_OK) {
            vit_sink_abort(sink);
            return status;
        }
    }
    return vit_sink_close(sink);
}

/* models.csv, and the same for readers where there are several to compare. */
static int write_headlines(const struct report *report, const char *folder)
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/models.csv", folder);
    int status = vit_sink_open_csv(&sink, &headline_schema, path);
    if (status == VIT_OK)
        status = put_headlines(report, &sink);
    if (status != VIT_OK || report->has_rows || report->n_headline < 2)
        return status;
    status = vit_output_open(&sink, report->options, &headline_schema, NULL);
    if (status == VIT_OK)
        status = put_headlines(report, &sink);
    printf("\n");
    return status;
}

static void tell(const struct vit_options *options, const char *folder)
{
    if (!vit_output_is_table(options))
        return;
    const char *of = options->n_argument == 1 ? "" : "MODEL/";
    printf("results in %s: run.json, models.csv, %soperators.csv, %ssummary.csv, %sclasses.csv, %sblocks.csv, "
           "%straffic.csv, %ssources.csv\n",
           folder, of, of, of, of, of, of);
    if (vit_plot_available())
        printf("figures in %s: %sclass_share, %sblock_time, %sroofline, %straffic ... (.svg, .png)\n", folder, of, of,
               of, of);
    else
        printf("%s\n", vit_error());
}

static int open_report(struct report *report, const struct vit_options *options)
{
    *report = (struct report){.options = options, .has_rows = !vit_output_is_table(options)};
    int status = vit_machine_read(&report->machine);
    if (status == VIT_OK)
        status = vit_machine_ceilings(&report->machine, options->threads);
    vit_schema_open(&report->schema, "classes", 2);
    if (status != VIT_OK) {
        vit_schema_close(&report->schema);
        return status;
    }
    vit_json_open(&report->json);
    vit_run_info_begin(&report->json, "profile", options, &report->machine);
    vit_json_array(&report->json, "models");
    return VIT_OK;
}

static int close_report(struct report *report, const char *folder, int status)
{
    vit_json_end(&report->json);
    status = write_run(&report->json, folder, status);
    if (report->rows.def && status == VIT_OK)
        status = vit_sink_close(&report->rows);
    else if (report->rows.def)
        vit_sink_abort(&report->rows);
    vit_json_close(&report->json);
    vit_schema_close(&report->schema);
    return status;
}

static int run(const struct vit_options *options)
{
    static struct report report;
    char folder[4000], model[8192];
    if (options->counters && strcmp(options->counters, "list") == 0)
        return vit_doctor_list_counters(options);
    if (options->n_argument == 0)
        return vit_fail(VIT_EINVAL, "needs MODEL...");
    int status = check_models(options);
    if (status != VIT_OK)
        return status;
    vit_run_folder_name(folder, sizeof folder, "profile", options);
    status = vit_run_folder(folder); /* before minutes of measuring */
    if (status == VIT_OK)
        status = open_report(&report, options);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++) {
        if (!vit_shard_has(options->shard, i))
            continue;
        model_folder(model, sizeof model, folder, options, i);
        status = profile_model(&report, options->argument[i], model);
    }
    status = close_report(&report, folder, status);
    if (status == VIT_OK)
        status = write_headlines(&report, folder);
    if (status == VIT_OK)
        tell(options, folder);
    /* Who asks for measured bytes by name, and gets none, must not take the run for a success. */
    if (status == VIT_OK && options->traffic && vit_text_listed(options->traffic, "measured") && !report.measured)
        return vit_fail(VIT_ENOTSUP, "--traffic %s", vit_counter_survey()->verdict);
    return status;
}

const struct vit_command vit_command_profile = {
    .name = "profile",
    .arguments = "MODEL...",
    .summary = "tell operator by operator where time and bytes go",
    .detail =
        "Prints the time by class of operators, what bounds it, bytes by source, and the costliest operators, and\n"
        "writes a run folder: operators.csv (raw, one row per operator and repeat), summary.csv, classes.csv,\n"
        "blocks.csv, traffic.csv, sources.csv (what each column is, or why it is empty), models.csv, run.json and\n"
        "figures; with several models one folder for each. The headline is of runs without probes.\n\n"
        "Bytes have sources that never share a column and are never added (--traffic LIST; default compulsory,\n"
        "measured, and simulated where that takes less than 5 s):\n"
        "  compulsory  from shapes: each input once, each output once\n"
        "  measured    counters of the processor, where it has some that can be trusted (vitscope doctor tells)\n"
        "  simulated   the addresses that the kernels touch, through a model of this machine's caches, or of those\n"
        "              of --cache; cold: caches empty before each operator, chained: as in repeated forwards\n"
        "  footprint   distinct pages touched\n"
        "  callgrind   the same steps under valgrind, a check of the simulation; takes minutes for large models\n"
        "  all         all of them\n"
        "Probes besides (--probes LIST, default wall_time,traffic,memory,counters,cache_sim): energy.\n\n"
        "  vitscope profile deit_tiny\n"
        "  vitscope profile deit_tiny swin_tiny efficientvit_m4 --batch 16 --data fashion-mnist --out runs/three\n"
        "  vitscope profile efficientvit_m5 --graph folded --threads 2 --weights model.safetensors --image cat.jpg\n"
        "  vitscope profile swin_tiny --traffic simulated --cache \"L1=32K,8 L2=512K,8\"\n"
        "  vitscope profile efficientvit_m0 --traffic all\n"
        "  vitscope profile deit_tiny \"deit_tiny[mhsa_share=0.2]\"\n"
        "  vitscope profile --shard 0/2 deit_tiny swin_tiny --out runs/both   # into runs/both/shard-0-of-2\n"
        "  vitscope profile --counters list\n\n"
        "--train profiles the training step: its rows have a pass, forward or backward, and where --recompute names\n"
        "kinds that are not kept, again: what the way back computes once more.\n\n"
        "  vitscope profile efficientvit_m4 --train --batch 32 --threads 2\n"
        "  vitscope profile swin_tiny --train --batch 8 --recompute \"gelu layer_norm\"\n",
    .takes = "set train recompute batch threads img classes graph kernel isa image data synthetic weights seed warmup "
             "min-time "
             "repeat probes "
             "traffic cache counters shard out format",
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
