/* SPDX-License-Identifier: MIT */
/* profile_draw.c - the figures of a profile, drawn from its files. */
#include "analysis/machine_files.h"
#include "analysis/profile_traffic.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"
#include "reports/number.h"

#include <stdio.h>
#include <string.h>

enum { MOST_VARIABLES = 12 };

struct figure {
    const char *folder, *data, *script;
    const char *output; /* NULL: called as the script */
    struct vit_plot_variable variable[MOST_VARIABLES];
    int n;
};

static void set(struct figure *figure, const char *name, const char *value, enum vit_plot_type type)
{
    figure->variable[figure->n++] = (struct vit_plot_variable){name, value, type};
}

static int draw(struct figure figure)
{
    char csv[4096], output[4096];
    snprintf(csv, sizeof csv, "%s/%s.csv", figure.folder, figure.data);
    snprintf(output, sizeof output, "%s/%s", figure.folder, figure.output ? figure.output : figure.script);
    set(&figure, "data", csv, VIT_PLOT_PATH);
    return vit_plot_draw(&(struct vit_plot){
        .figure = figure.script, .output = output, .variable = figure.variable, .n_variable = figure.n});
}

/* Bars need room: the more classes and sources, the higher the figure. */
static int draw_traffic(const struct vit_profile *p, struct figure figure)
{
    static struct vit_group group[VIT_MAX_GROUPS];
    char height[16];
    const int bars = vit_traffic_figures(p);
    snprintf(height, sizeof height, "%d",
             180 + 20 * bars + 19 * (bars + 1) * vit_profile_group(p, vit_profile_class, group));
    figure.data = figure.script = "traffic";
    set(&figure, "height", height, VIT_PLOT_NUMBER);
    return bars ? draw(figure) : VIT_OK;
}

/* Whether bytes of the column crossed the memory bus at all: where all stay in caches there is nothing to draw. */
static bool has_bytes(const struct vit_profile *p, const char *column)
{
    const int at = vit_traffic_find(&p->traffic, column);
    for (int s = 0; at >= 0 && s < p->instance.plan.n_step; s++) {
        const struct vit_cell *cell = &p->traffic.step[s * p->traffic.n + at];
        if (cell->present && cell->r > 0 && p->instance.plan.step[s].cost.flops > 0)
            return true;
    }
    return false;
}

/* The DRAM's roofline, once for each source of bytes that crossed its bus. */
static int draw_dram(const struct vit_profile *p, struct figure figure)
{
    static const struct {
        const char *bytes, *intensity, *title, *source, *output;
    } source[] = {
        {"sim_chained_llc_fill_bytes", "sim_dram_flop_per_byte", "operational intensity (FLOP / simulated DRAM byte)",
         "SIMULATED DRAM fills and write-backs, chained", "roofline_dram_simulated"},
        {"measured_dram_read_bytes", "measured_dram_flop_per_byte", "operational intensity (FLOP / measured DRAM byte)",
         "measured DRAM reads", "roofline_dram_measured"},
    };
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof source / sizeof source[0] && status == VIT_OK; i++) {
        struct figure dram = figure;
        if (!has_bytes(p, source[i].bytes))
            continue;
        set(&dram, "intensity_column", source[i].intensity, VIT_PLOT_TEXT);
        set(&dram, "intensity_title", source[i].title, VIT_PLOT_TEXT);
        set(&dram, "intensity_source", source[i].source, VIT_PLOT_TEXT);
        dram.output = source[i].output;
        status = draw(dram);
    }
    return status;
}

int vit_profile_draw(const struct vit_profile *p, const char *folder)
{
    const struct vit_ceilings *c = vit_profile_ceilings(p);
    char settings[256], peak[VIT_NUMBER_BYTES], bandwidth[VIT_NUMBER_BYTES], levels[256];
    struct figure figure = {.folder = folder};
    vit_profile_settings(p, settings, sizeof settings);
    vit_number_exact(peak, c->gflops);
    vit_number_exact(bandwidth, c->read_gbs);
    vit_ceilings_levels(levels, sizeof levels, c);
    set(&figure, "title", p->instance.model->name, VIT_PLOT_TEXT);
    set(&figure, "subtitle", settings, VIT_PLOT_TEXT);
    if (p->instance.options.backward)
        set(&figure, "passes", "1", VIT_PLOT_NUMBER);
    struct figure classes = figure, blocks = figure, roofline = figure;
    classes.script = "class_share";
    classes.data = "classes";
    blocks.script = "block_time";
    blocks.data = "blocks";
    roofline.script = "roofline";
    roofline.data = "summary";
    set(&roofline, "peak_gflops", peak, VIT_PLOT_NUMBER);
    set(&roofline, "bandwidth_gbs", bandwidth, VIT_PLOT_NUMBER);
    set(&roofline, "peak_source", c->source, VIT_PLOT_TEXT);
    struct figure dram = roofline;
    set(&roofline, "roof_levels", levels, VIT_PLOT_TEXT);
    set(&roofline, "flagged", "1", VIT_PLOT_NUMBER);
    int status = draw(classes);
    if (status == VIT_OK)
        status = draw(blocks);
    if (status == VIT_OK)
        status = draw(roofline);
    if (status == VIT_OK && !p->other_caches)
        status = draw_dram(p, dram);
    return status == VIT_OK ? draw_traffic(p, figure) : status;
}
