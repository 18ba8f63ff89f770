/* SPDX-License-Identifier: MIT */
/* bench_products MODEL...: every distinct linear, matmul and conv2d of models, each with every implementation that
 * supports it, in turn, as CSV on stdout. Inputs and weights are warm: each sample repeats one operator. The sum over
 * a model's rows of one kernel of count * median_ns is what its products would take with that kernel alone. */
#include "analysis/instance.h"
#include "analysis/options.h"
#include "analysis/stats.h"
#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "probes/machine.h"
#include "reports/sink.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KERNELS = 8, MAX_SAMPLES = 100 };

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"graph", VIT_TEXT, "", "variant of the graph"},
    {"batch", VIT_INT, "", "images per forward"},
    {"threads", VIT_INT, "", "threads"},
    {"op", VIT_TEXT, "", "first operator with these shapes"},
    {"kind", VIT_TEXT, "", "kind of operator"},
    {"count", VIT_INT, "", "operators with these shapes in one forward"},
    {"left", VIT_TEXT, "", "shape of the first input"},
    {"right", VIT_TEXT, "", "shape of the weights or the second input"},
    {"stride", VIT_INT, "", "conv2d: step of the windows"},
    {"transposed", VIT_TEXT, "", "matmul: transposed sides"},
    {"kernel", VIT_TEXT, "", "implementation"},
    {"is_default", VIT_INT, "", "1: what plans take unless told otherwise"},
    {"median_ns", VIT_REAL, "ns", "median time"},
    {"first_quartile_ns", VIT_REAL, "ns", "a quarter of the samples is faster"},
    {"third_quartile_ns", VIT_REAL, "ns", "a quarter of the samples is slower"},
    {"gflop_per_s", VIT_REAL, "GFLOP/s", "flops / median time"},
    {"peak_gflop_per_s", VIT_REAL, "GFLOP/s", "multiply-adds in registers, measured, same threads"},
    {"peak_pct", VIT_REAL, "%", "gflop_per_s / peak_gflop_per_s"},
};
static const struct vit_schema schema = {"products", 1, sizeof columns / sizeof columns[0], columns};

/* One distinct operator. */
struct product {
    struct vit_instance *instance;
    const struct vit_step *step;
    int count;
    const struct vit_kernel *kernel[MAX_KERNELS]; /* those that support it */
    int n_kernel;
};

static bool is_product(const struct vit_op *op)
{
    return op->kind == VIT_OP_linear || op->kind == VIT_OP_matmul || op->kind == VIT_OP_conv2d;
}

static bool is_alike(const struct vit_op *a, const struct vit_op *b)
{
    bool alike = a->kind == b->kind && a->n_in == b->n_in && a->attr.stride == b->attr.stride &&
                 a->attr.pad == b->attr.pad && a->attr.trans_a == b->attr.trans_a && a->attr.trans_b == b->attr.trans_b;
    for (int i = 0; alike && i < a->n_in; i++)
        alike = vit_same_shape(a->in[i], b->in[i]);
    return alike;
}

/* Whether no step before has the same shapes. */
static bool is_first(const struct vit_plan *plan, int step)
{
    for (int i = 0; i < step; i++)
        if (is_alike(plan->step[i].op, plan->step[step].op))
            return false;
    return true;
}

static struct product describe(struct vit_instance *instance, const struct vit_step *step)
{
    struct product p = {.instance = instance, .step = step};
    for (int i = 0; i < instance->plan.n_step; i++)
        p.count += is_alike(instance->plan.step[i].op, step->op);
    for (const struct vit_kernel *k = step->def->cpu; k->forward && p.n_kernel < MAX_KERNELS; k++)
        if (!k->supports || k->supports(step->op))
            p.kernel[p.n_kernel++] = k;
    return p;
}

static double time_runs(const struct vit_step *step, int runs)
{
    int64_t start = vit_clock_ns();
    for (int i = 0; i < runs; i++)
        step->kernel->forward(step);
    return (double)(vit_clock_ns() - start) / runs;
}

/* time (n_kernel, samples): each sample of all kernels before the next, so that all meet the same machine. */
static int measure(const struct product *p, int samples, double time[MAX_KERNELS][MAX_SAMPLES])
{
    static const double sample_ns = 3e6;
    struct vit_step step[MAX_KERNELS];
    int runs[MAX_KERNELS], status = VIT_OK, n = 0;
    for (; n < p->n_kernel && status == VIT_OK; n++) {
        const struct vit_kernel *kernel = p->kernel[n];
        size_t bytes = kernel->workspace ? kernel->workspace(p->step->op, p->instance->plan.threads) : 0;
        step[n] = *p->step;
        step[n].kernel = kernel;
        step[n].workspace = aligned_alloc(64, (bytes + 127) / 64 * 64);
        if (!step[n].workspace) {
            status = vit_fail(VIT_ENOMEM, "out of memory: workspace of %zu bytes", bytes);
            continue;
        }
        (void)time_runs(&step[n], 1); /* touches the workspace */
        runs[n] = (int)(sample_ns / (time_runs(&step[n], 2) + 1)) + 1;
    }
    for (int s = 0; s < samples && status == VIT_OK; s++)
        for (int k = 0; k < n; k++)
            time[k][s] = time_runs(&step[k], runs[k]);
    for (int k = 0; k < n; k++)
        free(step[k].workspace);
    return status;
}

static int write_product(struct vit_sink *sink, const struct product *p, int samples, double peak)
{
    static double time[MAX_KERNELS][MAX_SAMPLES];
    static const char *const transposed[] = {"", "left", "right", "both"};
    char left[VIT_SHAPE_TEXT], right[VIT_SHAPE_TEXT];
    const struct vit_op *op = p->step->op;
    const struct vit_instance *i = p->instance;
    int status = measure(p, samples, time);
    for (int k = 0; k < p->n_kernel && status == VIT_OK; k++) {
        struct vit_summary s = vit_stats_summary(time[k], samples);
        double rate = (double)p->step->cost.flops / s.median;
        struct vit_cell row[] = {
            vit_text(i->model->name),
            vit_text(i->options.model.graph ? i->options.model.graph : "eager"),
            vit_int(i->graph.batch),
            vit_int(i->plan.threads),
            vit_text(op->name),
            vit_text(p->step->def->name),
            vit_int(p->count),
            vit_text(vit_shape_text(op->in[0], left)),
            vit_text(vit_shape_text(op->in[1], right)),
            op->kind == VIT_OP_conv2d ? vit_int(op->attr.stride) : vit_absent(),
            op->kind == VIT_OP_matmul ? vit_text(transposed[op->attr.trans_a + 2 * op->attr.trans_b]) : vit_absent(),
            vit_text(p->kernel[k]->name),
            vit_int(p->kernel[k] == p->step->kernel),
            vit_real_cell(s.median),
            vit_real_cell(s.low),
            vit_real_cell(s.high),
            vit_real_cell(rate),
            peak > 0 ? vit_real_cell(peak) : vit_absent(),
            peak > 0 ? vit_real_cell(100 * rate / peak) : vit_absent()};
        status = vit_sink_write(sink, row);
    }
    return status;
}

static int bench_model(struct vit_sink *sink, const char *model, const struct vit_options *options, double peak)
{
    struct vit_instance instance;
    struct vit_instance_options o = {.model = {.batch = options->batch ? options->batch : 16,
                                               .img = options->img,
                                               .classes = options->classes,
                                               .graph = options->graph},
                                     .threads = options->threads,
                                     .seed = options->seed};
    int status = vit_instance_open(&instance, model, &o);
    if (status != VIT_OK)
        return status;
    vit_exec_run(&instance.exec); /* inputs of every step get values of their kind */
    for (int s = 0; s < instance.plan.n_step && status == VIT_OK; s++) {
        const struct vit_step *step = &instance.plan.step[s];
        if (!is_product(step->op) || !is_first(&instance.plan, s))
            continue;
        struct product product = describe(&instance, step);
        status = write_product(sink, &product, options->repeat ? options->repeat : 7, peak);
    }
    vit_instance_close(&instance);
    return status;
}

static int run(const struct vit_options *options)
{
    static struct vit_machine machine;
    const struct vit_sink_def *def;
    struct vit_sink sink;
    if (options->repeat > MAX_SAMPLES)
        return vit_fail(VIT_EINVAL, "--repeat %d: takes at most %d", options->repeat, MAX_SAMPLES);
    int status = vit_blas_open(); /* the plans' own kernels may not need it */
    if (status == VIT_OK)
        status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = vit_machine_measure(&machine, options->threads);
    if (status == VIT_OK)
        status = vit_sink_find(&def, options->format ? options->format : "csv");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, def, &schema, &(struct vit_sink_target){.stream = stdout});
    if (status != VIT_OK)
        return status;
    const struct vit_ceilings *ceilings = options->threads > 1 ? &machine.all : &machine.single;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++)
        status = bench_model(&sink, options->argument[i], options, ceilings->gflops_fma);
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    vit_sink_abort(&sink);
    return status;
}

int main(int argc, char **argv)
{
    static const char takes[] = "graph batch threads img classes seed repeat format";
    struct vit_options options = {.threads = 1, .seed = 1, .warmup_s = -1, .min_time_s = -1};
    int status = vit_options_parse(&options, takes, argc - 1, argv + 1);
    if (status == VIT_OK && (options.help || !options.n_argument)) {
        fprintf(stderr, "usage: bench_products [OPTIONS] MODEL...\n\noptions:\n");
        vit_options_print(stderr, takes);
        return options.help ? 0 : 2;
    }
    if (status == VIT_OK)
        status = run(&options);
    if (status != VIT_OK)
        fprintf(stderr, "bench_products: %s\n", vit_error());
    return status == VIT_OK ? 0 : 1;
}
