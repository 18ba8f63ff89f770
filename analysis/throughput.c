/* SPDX-License-Identifier: MIT */
/* throughput.c - `vitscope throughput`: images per second of runs without any observer. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/runner.h"
#include "model/base/status.h"
#include "probes/peak_memory.h"

#include <stdlib.h>
#include <string.h>

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"kernel", VIT_TEXT, "", "implementation preferred by --kernel; empty: each operator's default"},
    {"run", VIT_TEXT, "", "what was timed: forward, or the parts of a training step"},
    {"recompute", VIT_TEXT, "", "kinds that are computed again on the way back instead of being kept; empty: none"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"batch", VIT_INT, "", "images per run"},
    {"threads", VIT_INT, "", "threads"},
    {"protocol", VIT_TEXT, "", "quick, paper, or custom where its times are changed by options"},
    {"images_per_s", VIT_REAL, "", "batch / median time of a run"},
    {"images_per_s_mean", VIT_REAL, "", "batch / mean time: the paper's statistic"},
    {"median_ns", VIT_REAL, "ns", "median time of a run"},
    {"first_quartile_ns", VIT_REAL, "ns", "a quarter of the runs is faster"},
    {"third_quartile_ns", VIT_REAL, "ns", "a quarter of the runs is slower"},
    {"spread_pct", VIT_REAL, "%", "(third - first quartile) / median"},
    {"runs", VIT_INT, "", "runs timed"},
    {"gmacs_per_s", VIT_REAL, "GMAC/s", "multiply-accumulates of all steps / median time"},
    {"weight_bytes", VIT_INT, "B", "parameters, running statistics, derived weights (plan)"},
    {"gradient_bytes", VIT_INT, "B", "gradients of parameters (plan); empty: none"},
    {"optimizer_bytes", VIT_INT, "B", "moments of the optimizer (its sizes); empty: none"},
    {"activation_bytes", VIT_INT, "B", "arena of activations and their gradients (plan)"},
    {"workspace_bytes", VIT_INT, "B", "scratch memory of kernels (plan)"},
    {"peak_rss_bytes", VIT_INT, "B",
     "most memory of the process resident at once, program and libraries with it (Linux, VmHWM since the model was "
     "opened); empty: Linux does not tell"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static const struct vit_schema schema = {"throughput", 2, N_COLUMNS, columns};

static int64_t weight_bytes(const struct vit_plan *plan)
{
    return (int64_t)(plan->space_bytes[VIT_SPACE_PARAM] + plan->space_bytes[VIT_SPACE_BUFFER] +
                     plan->space_bytes[VIT_SPACE_DERIVED]);
}

static int64_t optimizer_bytes(const struct vit_optimizer *optimizer)
{
    int64_t states = 0;
    for (int i = 0; i < VIT_OPTIMIZER_STATES; i++)
        states += optimizer->state[i] != NULL;
    return states * optimizer->parameters.elements * (int64_t)sizeof(vit_real);
}

static struct vit_cell bytes_or_absent(int64_t bytes)
{
    return bytes > 0 ? vit_int(bytes) : vit_absent();
}

struct result {
    const struct vit_instance *instance;
    const struct vit_summary *time;
    const char *protocol;
    int64_t peak_bytes; /* -1: not known */
};

static int write_row(struct vit_sink *sink, const struct result *result)
{
    const struct vit_instance *instance = result->instance;
    const struct vit_summary *s = result->time;
    const struct vit_plan *plan = &instance->plan;
    const struct vit_instance_options *options = &instance->options;
    const double images = instance->graph.batch * 1e9;
    const struct vit_cell row[N_COLUMNS] = {
        vit_text(instance->model->name),
        vit_text(options->model.graph ? options->model.graph : "eager"),
        vit_text(options->kernel),
        vit_text(options->optimizer ? "forward+backward+adamw" : "forward"),
        vit_text(options->recompute),
        vit_int(instance->graph.input->dim[2]),
        vit_int(instance->graph.batch),
        vit_int(plan->threads),
        vit_text(result->protocol),
        vit_real_cell(images / s->median),
        vit_real_cell(images / s->mean),
        vit_real_cell(s->median),
        vit_real_cell(s->low),
        vit_real_cell(s->high),
        vit_real_cell(100 * (s->high - s->low) / s->median),
        vit_int(s->n),
        vit_real_cell((double)vit_plan_cost(plan).macs / s->median),
        vit_int(weight_bytes(plan)),
        bytes_or_absent((int64_t)plan->space_bytes[VIT_SPACE_GRADIENT]),
        bytes_or_absent(optimizer_bytes(&instance->optimizer)),
        vit_int((int64_t)plan->space_bytes[VIT_SPACE_ACTIVATION]),
        vit_int((int64_t)plan->workspace_bytes),
        bytes_or_absent(result->peak_bytes),
    };
    return vit_sink_write(sink, row);
}

static int measure(struct vit_sink *sink, const char *model, const struct vit_options *options,
                   const struct vit_protocol *protocol)
{
    struct vit_instance instance;
    struct vit_instance_options o = {.model = {.batch = options->batch ? options->batch : 16,
                                               .img = options->img,
                                               .classes = options->classes,
                                               .graph = options->graph},
                                     .set = options->set,
                                     .threads = options->threads,
                                     .kernel = options->kernel,
                                     .backward = options->train,
                                     .optimizer = options->train ? "adamw" : NULL,
                                     .recompute = options->recompute,
                                     .weights = options->weights,
                                     .seed = options->seed};
    double *times = NULL;
    int n;
    const bool counted = vit_peak_memory_reset() == VIT_OK;
    int status = vit_instance_open(&instance, model, &o);
    if (status != VIT_OK)
        return status;
    status = vit_runner_time(&instance, protocol, &times, &n);
    if (status == VIT_OK) {
        const struct vit_summary summary = vit_stats_summary(times, n);
        status = write_row(
            sink, &(struct result){&instance, &summary, protocol->name, counted ? vit_peak_memory_bytes() : -1});
    }
    free(times);
    vit_instance_close(&instance);
    return status;
}

/* With --recompute twice: without, and with what it names. */
static int measure_model(struct vit_sink *sink, const char *model, const struct vit_options *options,
                         const struct vit_protocol *protocol)
{
    struct vit_options plain = *options;
    plain.recompute = NULL;
    int status = measure(sink, model, &plain, protocol);
    return status == VIT_OK && options->recompute ? measure(sink, model, options, protocol) : status;
}

static int run(const struct vit_options *given)
{
    const struct vit_protocol *named = vit_protocol_find(given->protocol ? given->protocol : "quick");
    if (!named)
        return VIT_EINVAL;
    struct vit_options copy = *given;
    const struct vit_options *options = &copy;
    struct vit_protocol protocol = *named;
    if (copy.train && !copy.graph)
        copy.graph = "train";
    if (copy.recompute && !copy.train)
        return vit_fail(VIT_EINVAL, "--recompute %s: is for --train: a forward keeps nothing", copy.recompute);
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
        if (vit_shard_has(options->shard, i))
            status = measure_model(&sink, options->argument[i], options, &protocol);
    return vit_sink_finish(&sink, status);
}

const struct vit_command vit_command_throughput = {
    .name = "throughput",
    .arguments = "MODEL...",
    .summary = "images per second of uninstrumented runs",
    .detail =
        "The paper's protocol is 10 s of warm-up and 60 s of runs, batch 16, one thread, batch norm folded:\n"
        "--protocol paper takes them (--graph folded with it). The quick one is 0.5 s, 2 s.\n\n"
        "  vitscope throughput efficientvit_m0 deit_tiny --graph folded --batch 16\n"
        "  vitscope throughput deit_tiny --graph folded --kernel openblas\n"
        "  vitscope throughput swin_tiny --protocol paper --format json\n"
        "  vitscope throughput efficientvit_m4 \"efficientvit_m4[mixer=mhsa]\" --graph folded\n\n"
        "--train times the training step (forward, loss, backward, AdamW) instead, without loading data.\n"
        "Memory is that of the plan and, measured, of the process; --recompute adds a second row with less of it.\n\n"
        "  vitscope throughput deit_tiny --train --batch 32 --threads 2\n"
        "  vitscope throughput swin_tiny --train --batch 32 --recompute \"gelu layer_norm\"\n",
    .takes = "set train recompute graph kernel isa batch threads img classes weights seed protocol warmup min-time "
             "repeat shard "
             "format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
