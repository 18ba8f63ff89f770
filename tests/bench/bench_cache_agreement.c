/* SPDX-License-Identifier: MIT */
/* bench_cache_agreement [--kernel NAME] [--graph NAME] [--cache LIST] MODEL...: how far the program's model of caches
 * is from callgrind's, by kind of operator, as CSV on stdout: errors in percent of callgrind's fills, of each step that
 * fills at least 64 lines there. Minutes for models of published size. */
#include "analysis/options.h"
#include "analysis/stats.h"
#include "model/base/status.h"
#include "reports/progress.h"
#include "reports/sink.h"
#include "tests/support/cache_agreement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEW_LINES = 64 };

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "model"},
    {"kernel", VIT_TEXT, "", "implementation preferred"},
    {"kind", VIT_TEXT, "", "kind of operator; all: sums over the model"},
    {"fill", VIT_TEXT, "", "cold or chained, first or last cache"},
    {"steps", VIT_INT, "", "steps of this kind that fill at least 64 lines"},
    {"callgrind_bytes", VIT_INT, "B", "their sum"},
    {"simulated_bytes", VIT_INT, "B", "their sum"},
    {"sum_error_pct", VIT_REAL, "%", "simulated_bytes / callgrind_bytes - 1"},
    {"median_error_pct", VIT_REAL, "%", "median over the steps of the error without its sign"},
    {"worst_error_pct", VIT_REAL, "%", "error of the step that is farthest off"},
    {"worst_op", VIT_TEXT, "", "that step"},
};
static const struct vit_schema schema = {"cache_agreement", 1, sizeof columns / sizeof columns[0], columns};

static double difference(const struct cache_agreement *a, int step, int fill)
{
    return (double)a->simulated[step].fill[fill] / (double)a->callgrind[step].fill[fill] - 1;
}

/* The steps of one kind, or all (kind < 0). */
static int emit(struct vit_sink *sink, const struct cache_agreement *a, const struct cache_case *c, int kind)
{
    const struct vit_plan *plan = &a->instance.plan;
    double *error = calloc((size_t)plan->n_step, sizeof *error);
    int status = error ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory");
    for (int fill = 0; fill < N_FILLS && status == VIT_OK; fill++) {
        int64_t seen = 0, simulated = 0;
        int n = 0, worst = -1;
        double farthest = -1;
        for (int i = 0; i < plan->n_step; i++) {
            if ((kind >= 0 && (int)plan->step[i].op->kind != kind) || a->callgrind[i].fill[fill] < FEW_LINES)
                continue;
            seen += a->callgrind[i].fill[fill];
            simulated += a->simulated[i].fill[fill];
            error[n] = fabs(difference(a, i, fill));
            if (error[n] > farthest) {
                farthest = error[n];
                worst = i;
            }
            n++;
        }
        if (n == 0)
            continue;
        status = vit_sink_write(
            sink,
            (struct vit_cell[]){vit_text(c->model), vit_text(c->kernel ? c->kernel : "default"),
                                vit_text(kind < 0 ? "all" : vit_op_table[kind]->name), vit_text(cache_fill_name[fill]),
                                vit_int(n), vit_int(seen * 64), vit_int(simulated * 64),
                                vit_real_cell(100.0 * ((double)simulated / (double)seen - 1)),
                                vit_real_cell(100 * vit_stats_median(error, n)),
                                vit_real_cell(100 * difference(a, worst, fill)), vit_text(plan->step[worst].op->name)});
    }
    free(error);
    return status;
}

static void tell(void *context, double share)
{
    vit_progress_update(context, (int64_t)(1000 * share));
}

static int compare(struct vit_sink *sink, const struct cache_case *c)
{
    struct cache_agreement agreement;
    struct vit_progress progress;
    const struct vit_meter meter = {tell, &progress};
    vit_progress_open(&progress, c->model, 1000);
    int status = cache_agreement_open(&agreement, c, &meter);
    vit_progress_close(&progress);
    if (status != VIT_OK)
        return vit_fail_in(status, "%s", c->model);
    for (int kind = -1; kind < VIT_N_OPS && status == VIT_OK; kind++)
        status = emit(sink, &agreement, c, kind);
    cache_agreement_close(&agreement);
    return status;
}

static int compare_all(const struct vit_options *options)
{
    struct vit_sink sink;
    const struct vit_sink_def *csv;
    int status = vit_sink_find(&csv, "csv");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, csv, &schema, &(struct vit_sink_target){.stream = stdout});
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++)
        status =
            compare(&sink, &(struct cache_case){.model = options->argument[i],
                                                .graph = options->graph,
                                                .kernel = options->kernel,
                                                .caches = options->cache ? options->cache : "L1=48K,12 L3=32M,16"});
    if (status == VIT_OK)
        return vit_sink_close(&sink);
    vit_sink_abort(&sink);
    return status;
}

int main(int argc, char **argv)
{
    struct vit_options options = {0};
    int exit_code = 0;
    if (cache_agreement_child(argc, argv, &exit_code))
        return exit_code;
    int status = vit_options_parse(&options, "graph kernel cache", argc - 1, argv + 1);
    if (status == VIT_OK && options.n_argument == 0)
        status = vit_fail(VIT_EINVAL, "needs MODEL...");
    status = status == VIT_OK ? compare_all(&options) : status;
    if (status != VIT_OK)
        fprintf(stderr, "bench_cache_agreement: %s\n", vit_error());
    return status == VIT_OK ? 0 : 1;
}
