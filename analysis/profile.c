/* SPDX-License-Identifier: MIT */
/* profile.c - `vitscope profile`: each model operator by operator, tables on stdout, a run folder with all numbers. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <stdio.h>
#include <string.h>

/* A single model's files are in the folder itself, those of several in one folder each. */
static void model_folder(char *path, size_t size, const char *folder, const struct vit_options *options, int index)
{
    if (options->n_argument == 1)
        snprintf(path, size, "%s", folder);
    else
        snprintf(path, size, "%s/%s", folder, options->argument[index]);
}

static int profile_model(struct vit_json *json, const struct vit_options *options, const struct vit_machine *machine,
                         const char *model, const char *folder)
{
    static struct vit_profile profile; /* large; observers point into it */
    int status = vit_profile_open(&profile, model, options, machine);
    if (status != VIT_OK)
        return vit_fail_in(status, "%s", model);
    status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_profile_print(&profile, options);
    if (status == VIT_OK)
        status = vit_profile_write(&profile, folder);
    if (status == VIT_OK && vit_plot_available())
        status = vit_profile_draw(&profile, folder);
    vit_run_info_profile(json, &profile, folder);
    vit_profile_close(&profile);
    return status;
}

static int check_models(const struct vit_options *options)
{
    for (int i = 0; i < options->n_argument; i++) {
        if (!vit_model_find(options->argument[i]))
            return VIT_EINVAL;
        for (int k = 0; k < i; k++)
            if (strcmp(options->argument[i], options->argument[k]) == 0)
                return vit_fail(VIT_EINVAL, "model %s is given twice", options->argument[i]);
    }
    if (options->n_argument > 1 && !vit_output_is_table(options))
        return vit_fail(VIT_EINVAL, "--format %s: prints one model; the run folder has such files of each",
                        options->format);
    const struct vit_sink_def *form; /* an unknown name fails before minutes of measuring */
    return vit_sink_find(&form, options->format ? options->format : "table");
}

static int write_run(struct vit_json *json, const char *folder)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/run.json", folder);
    return vit_json_write(json, path);
}

static void tell(const struct vit_options *options, const char *folder)
{
    if (!vit_output_is_table(options))
        return;
    const char *of = options->n_argument == 1 ? "" : "MODEL/";
    printf("results in %s: run.json, %soperators.csv, %ssummary.csv, %sclasses.csv, %sblocks.csv\n", folder, of, of, of,
           of);
    if (vit_plot_available())
        printf("figures in %s: %sclass_share, %sblock_time, %sroofline (.svg, .png)\n", folder, of, of, of);
    else
        printf("%s\n", vit_error());
}

static int run(const struct vit_options *options)
{
    char folder[4000], model[8192];
    static struct vit_machine machine;
    struct vit_json json;
    int status = check_models(options);
    if (status != VIT_OK)
        return status;
    vit_run_folder_name(folder, sizeof folder, "profile", options);
    status = vit_run_folder(folder); /* before minutes of measuring */
    if (status == VIT_OK)
        status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = vit_machine_measure(&machine, options->threads);
    if (status != VIT_OK)
        return status;
    vit_json_open(&json);
    vit_run_info_begin(&json, "profile", options, &machine);
    vit_json_array(&json, "models");
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++) {
        model_folder(model, sizeof model, folder, options, i);
        status = profile_model(&json, options, &machine, options->argument[i], model);
    }
    vit_json_end(&json);
    if (status == VIT_OK)
        status = write_run(&json, folder);
    vit_json_close(&json);
    if (status == VIT_OK)
        tell(options, folder);
    return status;
}

const struct vit_command vit_command_profile = {
    .name = "profile",
    .arguments = "MODEL...",
    .summary = "tell operator by operator where time and bytes go",
    .detail =
        "Prints the time by class of operators and the costliest operators, and writes a run folder: operators.csv\n"
        "(raw, one row per operator and repeat), summary.csv, classes.csv, blocks.csv, run.json and figures; with\n"
        "several models one folder for each. The headline is of runs without probes; bytes are compulsory\n"
        "(analytic): each input once, each output once.\n\n"
        "  vitscope profile deit_tiny\n"
        "  vitscope profile deit_tiny swin_tiny efficientvit_m4 --batch 16 --data fashion-mnist --out runs/three\n"
        "  vitscope profile efficientvit_m5 --graph folded --threads 2 --weights model.safetensors --image cat.jpg\n",
    .takes = "batch threads img classes graph kernel image data synthetic weights seed warmup min-time repeat probes "
             "out format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
