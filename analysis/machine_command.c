/* SPDX-License-Identifier: MIT */
/* machine_command.c - `vitscope machine`: what the machine is, and what it can do at most. */
#include "analysis/command.h"
#include "analysis/machine_files.h"
#include "analysis/machine_store.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "reports/gnuplot.h"

#include <stdio.h>
#include <stdlib.h>

static const double usual_time_s = 0.2;

static const char *known(const char *text)
{
    return text[0] ? text : "unknown";
}

static void print_caches(const struct vit_machine *m)
{
    printf("  caches      ");
    for (int i = 0; i < m->n_cache; i++) {
        const struct vit_cache *c = &m->cache[i];
        const char *unit = c->bytes >= 1 << 20 ? "MiB" : "KiB", *kind = c->type == 'u'   ? ""
                                                                        : c->type == 'd' ? "d"
                                                                                         : "i";
        double size = (double)c->bytes / (c->bytes >= 1 << 20 ? 1 << 20 : 1 << 10);
        printf("%s L%d%s %.4g %s", i ? "," : "", c->level, kind, size, unit);
        if (c->ways > 0)
            printf(" %d-way", c->ways);
        if (c->shared_by > 1)
            printf(" shared by %d", c->shared_by);
    }
    printf("%s\n", m->n_cache ? "" : " unknown");
}

static void print_machine(const struct vit_machine *m)
{
    printf("  processor    %s (%s), %d cores, %d logical; %s\n", known(m->cpu), known(m->vendor), m->cores, m->logical,
           m->hypervisor[0] ? "virtual machine" : "no hypervisor seen");
    printf("  vectors      %s; kernels %s, numbers %s\n", known(m->flags), vit_kernels()->isa, VIT_REAL_NAME);
    print_caches(m);
    printf("  memory       %.1f GiB, %d NUMA node%s\n", (double)m->memory_bytes / (1 << 30), m->numa_nodes,
           m->numa_nodes == 1 ? "" : "s");
    printf("  kernel       %s; frequency governor %s\n", known(m->kernel), known(m->governor));
    printf("  counters     kernel lists %s\n\n", m->pmus[0] ? m->pmus : "none");
}

static void print_roofs(const struct vit_ceilings *c)
{
    printf("%d thread%s: peak %.4g GFLOP/s; load, ridge point:", c->threads, c->threads == 1 ? "" : "s", c->gflops);
    for (int i = 0; i < c->n_roof; i++)
        if (c->roof[i].load_gbs > 0)
            printf("%s %s %.3g GB/s, %.3g FLOP/B", i ? ";" : "", c->roof[i].level, c->roof[i].load_gbs,
                   c->gflops / c->roof[i].load_gbs);
    printf("\n");
}

static int print_ceilings(const struct vit_survey *survey, const struct vit_options *options)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &vit_ceilings_schema, NULL);
    if (status != VIT_OK)
        return status;
    status = vit_survey_emit_ceilings(survey, &sink);
    return vit_sink_finish(&sink, status);
}

static int write_run(const struct vit_survey *survey, const struct vit_options *options,
                     const struct vit_machine *machine, const char *folder)
{
    char path[4200];
    struct vit_json json;
    vit_json_open(&json);
    vit_run_info_begin(&json, "machine", options, machine);
    snprintf(path, sizeof path, "%s/run.json", folder);
    int status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status == VIT_OK ? vit_survey_write(survey, folder) : status;
}

/* Keeps the survey and says where. One that cannot be kept is no failure: the figures are there all the same. */
static void keep(const struct vit_survey *survey, const struct vit_machine *machine, char *told, size_t size)
{
    char path[4200];
    int status = vit_survey_path(path, sizeof path, machine);
    if (status == VIT_OK)
        status = vit_survey_keep(survey, machine, path);
    if (status == VIT_OK)
        snprintf(told, size, "kept for later runs: %s", path);
    else
        snprintf(told, size, "not kept for later runs: %s", vit_error());
}

static void warn_if_busy(const struct vit_survey *survey, int threads)
{
    double share = vit_survey_cpu_share(survey, threads);
    if (share < VIT_QUIET_SHARE)
        printf("  too low: %s had a processor %.0f %% of the time; measure again when the machine has no other work\n",
               threads == 1 ? "it" : "they", 100 * share);
}

static void tell(const struct vit_survey *survey, const struct vit_machine *machine, const char *folder)
{
    int numbers;
    print_roofs(&machine->single);
    warn_if_busy(survey, 1);
    if (vit_survey_threads(survey, &numbers) > 1) {
        print_roofs(&machine->all);
        warn_if_busy(survey, machine->all.threads);
    } else if (machine->logical > 1) {
        printf("(--threads %d measures all logical processors, too)\n", machine->logical);
    }
    printf("results in %s: run.json, ceilings.csv, roofs.csv\n", folder);
    if (vit_plot_available())
        printf("figures in %s: bandwidth, %sroofline_cache, roofline_dram (.svg, .png)\n", folder,
               numbers > 2 ? "bandwidth_threads, " : "");
    else
        printf("%s\n", vit_error());
}

static int report(struct vit_machine *machine, const struct vit_survey *survey, const struct vit_options *options,
                  const char *folder)
{
    static char kept[4400];
    int status = vit_survey_ceilings(survey, 1, &machine->single);
    if (status == VIT_OK)
        status = vit_survey_ceilings(survey, options->threads, &machine->all);
    if (status == VIT_OK)
        status = write_run(survey, options, machine, folder);
    if (status == VIT_OK && vit_plot_available())
        status = vit_survey_draw(survey, machine, folder);
    if (status == VIT_OK)
        status = print_ceilings(survey, options);
    if (status != VIT_OK)
        return status;
    keep(survey, machine, kept, sizeof kept);
    if (vit_output_is_table(options)) {
        printf("\n");
        tell(survey, machine, folder);
        printf("%s\n", kept);
    }
    return VIT_OK;
}

static int run(const struct vit_options *given)
{
    static struct vit_machine machine;
    char folder[4000];
    struct vit_options options = *given;
    options.min_time_s = given->min_time_s >= 0 ? given->min_time_s : usual_time_s;
    vit_run_folder_name(folder, sizeof folder, "machine", &options);
    const struct vit_sink_def *form;
    int status = vit_sink_find(&form, options.format ? options.format : "table"); /* before measuring */
    if (status == VIT_OK)
        status = vit_run_folder(folder);
    if (status == VIT_OK)
        status = vit_machine_read(&machine);
    if (status != VIT_OK)
        return status;
    struct vit_survey *survey = malloc(sizeof *survey);
    if (!survey)
        return vit_fail(VIT_ENOMEM, "out of memory: the figures of the machine");
    if (vit_output_is_table(&options))
        print_machine(&machine);
    fflush(stdout);
    status = vit_survey_take(survey, &machine, options.threads, options.min_time_s);
    if (status == VIT_OK)
        status = report(&machine, survey, &options, folder);
    free(survey);
    return status;
}

const struct vit_command vit_command_machine = {
    .name = "machine",
    .arguments = "",
    .summary = "what this machine can do at most: arithmetic, and bandwidth by level",
    .detail =
        "Measures multiply-adds in registers for each kernel set that runs here, a product of OpenBLAS, and load,\n"
        "store, copy and triad (a = b + c / 2) in arrays that fit L1, L2, L3 or nothing but the DRAM, there also with\n"
        "stores past the caches (_nt), with 1, 2, 4, ... and --threads threads (all, by default). Threads touch their "
        "own memory first\n"
        "and are not pinned. Bytes are those that the program names: lines that stores fetch before they write come\n"
        "on top. --min-time is for each figure (default 0.2 s; about 25 figures for each number of threads). The\n"
        "ceiling is the best repetition; median and quartiles tell how quiet the machine was.\n\n"
        "Writes ceilings.csv, roofs.csv, run.json and figures, and keeps the figures for this host, processor, kernel\n"
        "set and number type in $XDG_CACHE_HOME/vitscope (~/.cache/vitscope), where profile finds its roofs.\n\n"
        "  vitscope machine\n"
        "  vitscope machine --min-time 1 --out runs/quiet\n"
        "  vitscope machine --isa v3 --format csv > ceilings.csv\n",
    .takes = "threads isa min-time out format",
    .max_arguments = 0,
    .all_threads = true,
    .run = run,
};
