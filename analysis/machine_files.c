/* SPDX-License-Identifier: MIT */
#include "analysis/machine_files.h"

#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <stdio.h>
#include <string.h>

static const struct vit_column ceiling_columns[] = {
    {"level", VIT_TEXT, "", "core: arithmetic in registers; L1, L2, L3, DRAM: arrays that only this level serves"},
    {"operation", VIT_TEXT, "", "fma, gemm; load, store, copy, triad (a = b + c / 2); _nt: stores past the caches"},
    {"kernel", VIT_TEXT, "", "vector kernels, or OpenBLAS and its kernel"},
    {"threads", VIT_INT, "", "threads at the same time, not pinned, each in memory of its own"},
    {"median", VIT_REAL, "", "over the repetitions, all threads together; bytes are those that the program names"},
    {"best", VIT_REAL, "", "the ceiling: what the machine can do when nothing else takes it"},
    {"first_quartile", VIT_REAL, "", "a quarter of the repetitions is slower"},
    {"third_quartile", VIT_REAL, "", "a quarter of the repetitions is faster"},
    {"spread_pct", VIT_REAL, "%", "(third - first quartile) / median"},
    {"unit", VIT_TEXT, "", "GFLOP/s; GB/s: 1e9 bytes"},
    {"array_bytes", VIT_INT, "B", "of all arrays of one thread"},
    {"repetitions", VIT_INT, "", "how many"},
    {"cpu_share_pct", VIT_REAL, "%",
     "of the time, all threads had a processor: well below 100, and the best is too low"},
    {"reason", VIT_TEXT, "", "why it was not measured"},
};
enum { N_CEILING = sizeof ceiling_columns / sizeof ceiling_columns[0] };
const struct vit_schema vit_ceilings_schema = {"ceilings", 1, N_CEILING, ceiling_columns};

static const struct vit_column roof_columns[] = {
    {"roofline", VIT_TEXT, "", "cache_aware: one roof a level; dram: what the memory bus gives"},
    {"roof", VIT_TEXT, "", "level of memory, or kind of arithmetic"},
    {"threads", VIT_INT, "", "threads"},
    {"gb_per_s", VIT_REAL, "GB/s", "slanted roof: best load; dram: and best of the stores past the caches"},
    {"most_gb_per_s", VIT_REAL, "GB/s", "best of load, store, copy, triad: what above_roof compares with"},
    {"gflop_per_s", VIT_REAL, "GFLOP/s", "flat roof"},
    {"ridge_flop_per_byte", VIT_REAL, "FLOP/B", "highest flat roof / this slanted one"},
    {"intensity", VIT_TEXT, "", "what bytes the horizontal axis counts"},
};
enum { N_ROOF = sizeof roof_columns / sizeof roof_columns[0] };
const struct vit_schema vit_roofs_schema = {"roofs", 1, N_ROOF, roof_columns};

static const char named[] = "FLOPs / bytes that the core names (of operators: compulsory bytes)";
static const char crossed[] = "FLOPs / bytes that crossed the DRAM bus (measured or simulated)";

static struct vit_cell text_or_absent(const char *text)
{
    return text[0] ? vit_text(text) : vit_absent();
}

static struct vit_cell real_or_absent(double value)
{
    return value > 0 ? vit_real_cell(value) : vit_absent();
}

int vit_survey_emit_ceilings(const struct vit_survey *survey, struct vit_sink *sink)
{
    int status = VIT_OK;
    for (int i = 0; i < survey->n_figure && status == VIT_OK; i++) {
        const struct vit_survey_figure *f = &survey->figure[i];
        const struct vit_cell row[N_CEILING] = {vit_text(f->level),
                                                vit_text(f->operation),
                                                vit_text(f->kernel),
                                                vit_int(f->threads),
                                                real_or_absent(f->median),
                                                real_or_absent(f->best),
                                                real_or_absent(f->low),
                                                real_or_absent(f->high),
                                                f->median > 0 ? vit_real_cell(100 * (f->high - f->low) / f->median)
                                                              : vit_absent(),
                                                vit_text(vit_survey_unit(f)),
                                                f->array_bytes > 0 ? vit_int(f->array_bytes) : vit_absent(),
                                                vit_int(f->repetitions),
                                                f->repetitions > 0 ? vit_real_cell(100 * f->cpu_share) : vit_absent(),
                                                text_or_absent(f->reason)};
        status = vit_sink_write(sink, row);
    }
    return status;
}

/* Either bandwidth or arithmetic is set. */
struct roof_row {
    bool dram;
    const char *name;
    double gbs, most_gbs, gflops;
};

static int put_roof(struct vit_sink *sink, const struct vit_ceilings *c, struct roof_row r)
{
    const struct vit_cell row[N_ROOF] = {vit_text(r.dram ? "dram" : "cache_aware"),
                                         vit_text(r.name),
                                         vit_int(c->threads),
                                         real_or_absent(r.gbs),
                                         real_or_absent(r.most_gbs),
                                         real_or_absent(r.gflops),
                                         r.gbs > 0 ? vit_real_cell(c->gflops / r.gbs) : vit_absent(),
                                         vit_text(r.dram ? crossed : named)};
    return vit_sink_write(sink, row);
}

static int put_arithmetic(const struct vit_survey *survey, struct vit_sink *sink, const struct vit_ceilings *c,
                          bool dram)
{
    int status = VIT_OK;
    for (int i = 0; i < survey->n_figure && status == VIT_OK; i++) {
        const struct vit_survey_figure *f = &survey->figure[i];
        if (strcmp(f->level, "core") != 0 || f->threads != c->threads || f->repetitions == 0)
            continue;
        char name[64];
        if (strcmp(f->operation, "fma") == 0)
            snprintf(name, sizeof name, "FMA loop %s", f->kernel);
        else
            snprintf(name, sizeof name, "%s %s", f->kernel, f->operation);
        status = put_roof(sink, c, (struct roof_row){.dram = dram, .name = name, .gflops = f->best});
    }
    return status;
}

static int put_roofs(const struct vit_survey *survey, struct vit_sink *sink, const struct vit_ceilings *c)
{
    int status = VIT_OK;
    for (int i = 0; i < c->n_roof && status == VIT_OK; i++)
        if (c->roof[i].load_gbs > 0)
            status =
                put_roof(sink, c,
                         (struct roof_row){
                             .name = c->roof[i].level, .gbs = c->roof[i].load_gbs, .most_gbs = c->roof[i].most_gbs});
    if (status == VIT_OK)
        status = put_arithmetic(survey, sink, c, false);
    const struct vit_roof *dram = &c->roof[c->n_roof - 1];
    if (status == VIT_OK)
        status = put_roof(
            sink, c,
            (struct roof_row){.dram = true, .name = "DRAM", .gbs = dram->load_gbs, .most_gbs = dram->most_gbs});
    if (status == VIT_OK && dram->past_cache_gbs > 0)
        status = put_roof(
            sink, c,
            (struct roof_row){.dram = true, .name = "DRAM with stores past caches", .gbs = dram->past_cache_gbs});
    return status == VIT_OK ? put_arithmetic(survey, sink, c, true) : status;
}

int vit_survey_emit_roofs(const struct vit_survey *survey, struct vit_sink *sink)
{
    int status = VIT_OK, before = 0;
    for (int i = 0; i < survey->n_figure && status == VIT_OK; i++) {
        struct vit_ceilings ceilings;
        if (survey->figure[i].threads == before)
            continue;
        before = survey->figure[i].threads;
        if (vit_survey_ceilings(survey, before, &ceilings) == VIT_OK)
            status = put_roofs(survey, sink, &ceilings);
    }
    return status;
}

static int write_csv(const struct vit_survey *survey, const char *folder, const struct vit_schema *schema,
                     int (*emit)(const struct vit_survey *survey, struct vit_sink *sink))
{
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/%s.csv", folder, schema->name);
    int status = vit_sink_open_csv(&sink, schema, path);
    if (status != VIT_OK)
        return status;
    status = emit(survey, &sink);
    return vit_sink_finish(&sink, status);
}

int vit_survey_write(const struct vit_survey *survey, const char *folder)
{
    int status = write_csv(survey, folder, &vit_ceilings_schema, vit_survey_emit_ceilings);
    return status == VIT_OK ? write_csv(survey, folder, &vit_roofs_schema, vit_survey_emit_roofs) : status;
}

int vit_survey_threads(const struct vit_survey *survey, int *numbers)
{
    int most = 0;
    *numbers = 0;
    for (int i = 0; i < survey->n_figure; i++)
        if (survey->figure[i].threads > most) { /* they ascend */
            most = survey->figure[i].threads;
            ++*numbers;
        }
    return most;
}

void vit_ceilings_levels(char *text, size_t size, const struct vit_ceilings *c)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < c->n_roof - 1 && used < size; i++)
        if (c->roof[i].load_gbs > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s %.4g", used ? " " : "", c->roof[i].level,
                                     c->roof[i].load_gbs);
}

struct figure {
    const char *script, *output, *data, *title;
};

static int draw(const char *folder, const char *subtitle, struct figure f, const struct vit_plot_variable further[2])
{
    char csv[4200], output[4200];
    snprintf(csv, sizeof csv, "%s/%s.csv", folder, f.data);
    snprintf(output, sizeof output, "%s/%s", folder, f.output);
    const struct vit_plot_variable variable[] = {{"data", csv, VIT_PLOT_PATH},
                                                 {"title", f.title, VIT_PLOT_TEXT},
                                                 {"subtitle", subtitle, VIT_PLOT_TEXT},
                                                 further[0],
                                                 further[1]};
    return vit_plot_draw(
        &(struct vit_plot){.figure = f.script, .output = output, .variable = variable, .n_variable = 5});
}

int vit_survey_draw(const struct vit_survey *survey, const struct vit_machine *machine, const char *folder)
{
    char all[256], most[288], threads[16];
    int numbers, n = vit_survey_threads(survey, &numbers);
    snprintf(threads, sizeof threads, "%d", n);
    snprintf(all, sizeof all, "%.127s, %.15s, %.15s kernels, %.15s",
             machine->cpu[0] ? machine->cpu : "unknown processor", survey->real, survey->kernel_set, survey->date);
    snprintf(most, sizeof most, "%s, %d thread%s", all, n, n == 1 ? "" : "s");
    const struct vit_plot_variable cache[] = {{"threads", threads, VIT_PLOT_NUMBER},
                                              {"roofline", "cache_aware", VIT_PLOT_TEXT}};
    const struct vit_plot_variable dram[] = {{"threads", threads, VIT_PLOT_NUMBER},
                                             {"roofline", "dram", VIT_PLOT_TEXT}};
    int status = draw(folder, all, (struct figure){"bandwidth", "bandwidth", "ceilings", "Bandwidth by level"}, cache);
    if (status == VIT_OK && numbers > 2)
        status =
            draw(folder, all,
                 (struct figure){"bandwidth_threads", "bandwidth_threads", "ceilings", "Bandwidth by threads"}, cache);
    if (status == VIT_OK)
        status = draw(folder, most,
                      (struct figure){"roofline_machine", "roofline_cache", "roofs", "Cache-aware roofline"}, cache);
    if (status == VIT_OK)
        status =
            draw(folder, most, (struct figure){"roofline_machine", "roofline_dram", "roofs", "DRAM roofline"}, dram);
    return status;
}
