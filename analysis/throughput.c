/* SPDX-License-Identifier: MIT */
/* throughput.c - `vitscope throughput`: images per second of runs without any observer. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/runner.h"
#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"kernel", VIT_TEXT, "", "implementation preferred by --kernel; empty: each operator's default"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"batch", VIT_INT, "", "images per forward"},
    {"threads", VIT_INT, "", "threads"},
    {"protocol", VIT_TEXT, "", "quick, paper, or custom where its times are changed by options"},
    {"images_per_s", VIT_REAL, "", "batch / median time of a forward"},
    {"images_per_s_mean", VIT_REAL, "", "batch / mean time: the paper's statistic"},
    {"median_ns", VIT_REAL, "ns", "median time of a forward"},
    {"first_quartile_ns", VIT_REAL, "ns", "a quarter of the forwards is faster"},
    {"third_quartile_ns", VIT_REAL, "ns", "a quarter of the forwards is slower"},
    {"spread_pct", VIT_REAL, "%", "(third - first quartile) / median"},
    {"runs", VIT_INT, "", "forwards timed"},
};

static const struct vit_schema schema = {"throughput", 1, sizeof columns / sizeof columns[0], columns};

static int measure(struct vit_sink *sink, const char *model, const struct vit_options *options,
                   const struct vit_protocol *protocol)
{
    struct vit_instance instance;
    struct vit_instance_options o = {.model = {.batch = options->batch ? options->batch : 16,
                                               .img = options->img,
                                               .classes = options->classes,
                                               .graph = options->graph},
                                     .threads = options->threads,
                                     .kernel = options->kernel,
                                     .weights = options->weights,
                                     .seed = options->seed};
    double *times = NULL;
    int n, status = vit_instance_open(&instance, model, &o);
    if (status != VIT_OK)
        return status;
    status = vit_runner_time(&instance, protocol, &times, &n);
    if (status == VIT_OK) {
        struct vit_summary s = vit_stats_summary(times, n);
        double images = instance.graph.batch * 1e9;
        struct vit_cell row[] = {vit_text(model),
                                 vit_text(options->graph ? options->graph : "eager"),
                                 vit_text(options->kernel),
                                 vit_int(instance.graph.input->dim[2]),
                                 vit_int(instance.graph.batch),
                                 vit_int(instance.plan.threads),
                                 vit_text(protocol->name),
                                 vit_real_cell(images / s.median),
                                 vit_real_cell(images / s.mean),
                                 vit_real_cell(s.median),
                                 vit_real_cell(s.low),
                                 vit_real_cell(s.high),
                                 vit_real_cell(100 * (s.high - s.low) / s.median),
                                 vit_int(n)};
        status = vit_sink_write(sink, row);
    }
    free(times);
    vit_instance_close(&instance);
    return status;
}

static int run(const struct vit_options *given)
{
    const struct vit_protocol *named = vit_protocol_find(given->protocol ? given->protocol : "quick");
    if (!named)
        return VIT_EINVAL;
    struct vit_options copy = *given;
    const struct vit_options *options = &copy;
    struct vit_protocol protocol = *named;
    if (strcmp(protocol.name, "paper") == 0 && !copy.graph)
        copy.graph = "folded"; /* as the paper's speed test has it */
    if (copy.warmup_s >= 0 || copy.min_time_s >= 0 || copy.repeat)
        protocol.name = "custom";
    if (options->warmup_s >= 0)
        protocol.warmup_s = options->warmup_s;
    if (options->min_time_s >= 0)
        protocol.min_time_s = options->min_time_s;
    if (options->repeat)
        protocol.repeat = options->repeat;
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++)
        status = measure(&sink, options->argument[i], options, &protocol);
    if (status != VIT_OK) {
        vit_sink_abort(&sink);
        return status;
    }
    return vit_sink_close(&sink);
}

const struct vit_command vit_command_throughput = {
    .name = "throughput",
    .arguments = "MODEL...",
    .summary = "images per second of uninstrumented runs",
    .detail = "The paper's protocol is 10 s of warm-up and 60 s of runs, batch 16, one thread, batch norm folded:\n"
              "--protocol paper takes them (--graph folded with it). The quick one is 0.5 s, 2 s.\n\n"
              "  vitscope throughput efficientvit_m0 deit_tiny --graph folded --batch 16\n"
              "  vitscope throughput deit_tiny --graph folded --kernel openblas\n"
              "  vitscope throughput swin_tiny --protocol paper --format json\n",
    .takes = "graph kernel isa batch threads img classes weights seed protocol warmup min-time repeat format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
