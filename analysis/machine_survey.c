/* SPDX-License-Identifier: MIT */
#include "analysis/machine_survey.h"

#include "analysis/build_info.h"
#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "model/kernel_set.h"
#include "model/kernels/stream_bandwidth.h"
#include "probes/machine_bandwidth.h"
#include "reports/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Wall time and the processor time of all threads. */
struct watch {
    int64_t wall_ns, cpu_ns;
};

static struct watch read_watch(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct watch){vit_clock_ns(), (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec};
}

struct taking {
    struct vit_survey *survey;
    struct vit_bench *bench; /* of the number of threads that is under way */
    struct vit_progress progress;
    struct watch began; /* of the figure that is under way */
};

static const char no_non_temporal[] = "this compiler has no stores past the caches on this processor";

/* Room for one more, with its repetitions summarised; n 0: not measured. */
static int add(struct taking *t, struct vit_survey_figure figure, double *value, int n)
{
    struct vit_survey *s = t->survey;
    if (s->n_figure == VIT_MAX_FIGURES)
        return vit_fail(VIT_EINVAL, "machine: more than %d figures", VIT_MAX_FIGURES);
    if (n > 0) {
        struct vit_summary summary = vit_stats_summary(value, n);
        struct watch now = read_watch();
        figure.cpu_share =
            (double)(now.cpu_ns - t->began.cpu_ns) / ((double)(now.wall_ns - t->began.wall_ns + 1) * figure.threads);
        figure.repetitions = n;
        figure.median = summary.median;
        figure.low = summary.low;
        figure.high = summary.high;
        figure.best = summary.most;
    }
    s->figure[s->n_figure++] = figure;
    vit_progress_update(&t->progress, s->n_figure);
    t->began = read_watch();
    return VIT_OK;
}

static int take_arithmetic(struct taking *t)
{
    double value[VIT_MAX_REPETITIONS];
    int n = 0, status = VIT_OK;
    struct vit_survey_figure figure = {.level = "core", .operation = "fma", .threads = vit_bench_threads(t->bench)};
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set && status == VIT_OK; set++) {
        snprintf(figure.kernel, sizeof figure.kernel, "%s", (*set)->isa);
        status = vit_bench_fma(t->bench, *set, value, &n);
        if (status == VIT_OK)
            status = add(t, figure, value, n);
    }
    if (status != VIT_OK)
        return status;
    strcpy(figure.operation, "gemm");
    snprintf(figure.kernel, sizeof figure.kernel, "OpenBLAS");
    status = vit_bench_gemm(t->bench, value, &n);
    if (status == VIT_ENOMEM)
        return status;
    if (status == VIT_OK)
        snprintf(figure.kernel, sizeof figure.kernel, "OpenBLAS %.20s", vit_blas_kernel());
    else
        snprintf(figure.reason, sizeof figure.reason, "%.120s", vit_error());
    return add(t, figure, value, status == VIT_OK ? n : 0);
}

static int take_transfers(struct taking *t, const struct vit_memory_level *level)
{
    bool dram = strcmp(level->name, "DRAM") == 0;
    int status = VIT_OK;
    for (enum vit_transfer transfer = 0; transfer < VIT_TRANSFERS && status == VIT_OK; transfer++) {
        double value[VIT_MAX_REPETITIONS];
        bool past_caches = vit_transfer_past_caches(transfer);
        if (past_caches && !dram)
            continue;
        struct vit_survey_figure figure = {.threads = vit_bench_threads(t->bench), .array_bytes = level->bytes};
        snprintf(figure.level, sizeof figure.level, "%.7s", level->name);
        snprintf(figure.operation, sizeof figure.operation, "%s", vit_transfer_name(transfer));
        snprintf(figure.kernel, sizeof figure.kernel, "%s", vit_kernels()->isa);
        snprintf(figure.reason, sizeof figure.reason, "%s",
                 past_caches && !VIT_NON_TEMPORAL ? no_non_temporal : level->reason);
        status =
            add(t, figure, value, figure.reason[0] ? 0 : vit_bench_transfer(t->bench, transfer, level->bytes, value));
    }
    return status;
}

static int take_threads(struct taking *t, const struct vit_machine *machine, int threads)
{
    struct vit_memory_level level[VIT_MAX_ROOFS];
    struct vit_bench_options options = {.threads = threads, .min_time_s = t->survey->min_time_s};
    int n = vit_memory_levels(level, machine, threads);
    for (int i = 0; i < n; i++)
        options.bytes = level[i].bytes > options.bytes ? level[i].bytes : options.bytes;
    int status = vit_bench_open(&t->bench, &options);
    if (status != VIT_OK)
        return status;
    t->began = read_watch();
    status = take_arithmetic(t);
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = take_transfers(t, &level[i]);
    vit_bench_close(t->bench);
    return status;
}

/* Figures of one number of threads, for the progress: what add() will be called for. */
static int count_figures(const struct vit_machine *machine)
{
    struct vit_memory_level level[VIT_MAX_ROOFS];
    int n = (vit_memory_levels(level, machine, 1) - 1) * VIT_TRANSFER_STORE_NT + VIT_TRANSFERS + 1;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        n++;
    return n;
}

static int next_threads(int threads, int most)
{
    return threads < most && 2 * threads > most ? most : 2 * threads;
}

int vit_survey_take(struct vit_survey *survey, const struct vit_machine *machine, int threads, double min_time_s)
{
    struct taking t = {.survey = survey};
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    memset(survey, 0, sizeof *survey);
    strftime(survey->date, sizeof survey->date, "%Y-%m-%d", &local);
    snprintf(survey->kernel_set, sizeof survey->kernel_set, "%s", vit_kernels()->isa);
    snprintf(survey->real, sizeof survey->real, "%s", VIT_REAL_NAME);
    snprintf(survey->build, sizeof survey->build, "%.20s %.40s", vit_build_version, vit_build_commit);
    survey->min_time_s = min_time_s;
    int steps = 0, status = VIT_OK;
    for (int n = 1; n <= threads; n = next_threads(n, threads))
        steps++;
    vit_progress_open(&t.progress, "machine", (int64_t)steps * count_figures(machine));
    for (int n = 1; n <= threads && status == VIT_OK; n = next_threads(n, threads))
        status = take_threads(&t, machine, n);
    vit_progress_close(&t.progress);
    snprintf(survey->blas, sizeof survey->blas, "%.60s", vit_blas_kernel());
    return status;
}

const struct vit_survey_figure *vit_survey_find(const struct vit_survey *survey, struct vit_survey_key key)
{
    for (int i = 0; i < survey->n_figure; i++) {
        const struct vit_survey_figure *f = &survey->figure[i];
        if (f->threads == key.threads && f->repetitions > 0 && strcmp(f->level, key.level) == 0 &&
            strcmp(f->operation, key.operation) == 0 && (!key.kernel || strcmp(f->kernel, key.kernel) == 0))
            return f;
    }
    return NULL;
}

const char *vit_survey_unit(const struct vit_survey_figure *figure)
{
    return strcmp(figure->level, "core") == 0 ? "GFLOP/s" : "GB/s";
}

double vit_survey_cpu_share(const struct vit_survey *survey, int threads)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < survey->n_figure; i++)
        if (survey->figure[i].threads == threads && survey->figure[i].repetitions > 0) {
            sum += survey->figure[i].cpu_share;
            n++;
        }
    return n > 0 ? sum / n : 0;
}

static double best(const struct vit_survey *survey, struct vit_survey_key key)
{
    const struct vit_survey_figure *figure = vit_survey_find(survey, key);
    return figure ? figure->best : 0;
}

/* Figures of a level follow one another, and levels stand from the core outwards. */
static void gather_roofs(const struct vit_survey *survey, struct vit_ceilings *c)
{
    for (int i = 0; i < survey->n_figure; i++) {
        const struct vit_survey_figure *f = &survey->figure[i];
        if (f->threads != c->threads || f->repetitions == 0 || strcmp(f->level, "core") == 0)
            continue;
        if (c->n_roof == 0 || strcmp(c->roof[c->n_roof - 1].level, f->level) != 0) {
            if (c->n_roof == VIT_MAX_ROOFS)
                return;
            snprintf(c->roof[c->n_roof++].level, sizeof c->roof[0].level, "%s", f->level);
        }
        struct vit_roof *roof = &c->roof[c->n_roof - 1];
        if (strcmp(f->operation, "load") == 0)
            roof->load_gbs = f->best;
        if (strstr(f->operation, "_nt"))
            roof->past_cache_gbs = fmax(roof->past_cache_gbs, f->best);
        else
            roof->most_gbs = fmax(roof->most_gbs, f->best);
    }
}

int vit_survey_ceilings(const struct vit_survey *survey, int threads, struct vit_ceilings *c)
{
    *c = (struct vit_ceilings){.threads = threads};
    c->gflops_fma = best(survey, (struct vit_survey_key){"core", "fma", survey->kernel_set, threads});
    c->gflops_gemm = best(survey, (struct vit_survey_key){"core", "gemm", NULL, threads});
    c->gflops = fmax(c->gflops_fma, c->gflops_gemm);
    const struct vit_survey_figure *load =
        vit_survey_find(survey, (struct vit_survey_key){"DRAM", "load", NULL, threads});
    c->read_gbs = load ? load->best : 0;
    c->triad_gbs = best(survey, (struct vit_survey_key){"DRAM", "triad", NULL, threads});
    if (!load || c->gflops_fma <= 0 || c->triad_gbs <= 0)
        return vit_fail(VIT_EINVAL, "machine: no arithmetic or no DRAM measured with %d thread%s", threads,
                        threads == 1 ? "" : "s");
    gather_roofs(survey, c);
    const char *plural = threads == 1 ? "" : "s", *isa = survey->kernel_set;
    int mib = (int)(load->array_bytes * threads >> 20);
    snprintf(c->source, sizeof c->source, "%s%s, %d thread%s; load of %d MiB",
             c->gflops_fma >= c->gflops_gemm ? "FMA loop " : "OpenBLAS gemm",
             c->gflops_fma >= c->gflops_gemm ? isa : "", threads, plural, mib);
    snprintf(c->method, sizeof c->method,
             "%.8s, %d thread%s, not pinned: multiply-adds in registers and transfers by level (%.8s kernels), gemm "
             "(OpenBLAS "
             "%.16s); best within %g s each; bytes are those named",
             survey->real, threads, plural, isa, survey->blas, survey->min_time_s);
    return VIT_OK;
}
