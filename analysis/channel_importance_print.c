/* SPDX-License-Identifier: MIT */
/* channel_importance_print.c - tables and figures. */
#include "analysis/channel_importance.h"
#include "analysis/output.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <math.h>
#include <stdlib.h>

static int print_correlation(const struct vit_channel_importance *r, const struct vit_options *options)
{
    static const struct vit_column columns[] = {{"kind", VIT_TEXT, "", ""},         {"masked", VIT_INT, "", ""},
                                                {"pearson", VIT_REAL, "", ""},      {"spearman", VIT_REAL, "", ""},
                                                {"molchanov", VIT_REAL, "", ""},    {"squared_sum", VIT_REAL, "", ""},
                                                {"absolute_sum", VIT_REAL, "", ""}, {"sum_absolute", VIT_REAL, "", ""},
                                                {"magnitude", VIT_REAL, "", ""},    {"random", VIT_REAL, "", ""}};
    static const struct vit_schema schema = {"correlation", 1, sizeof columns / sizeof columns[0], columns};
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int kind = 0; kind <= VIT_N_GROUP_KINDS && status == VIT_OK; kind++) {
        struct vit_cell row[10] = {vit_text(vit_channel_kind_text(kind))};
        struct vit_channel_correlation found = {0};
        for (int c = -1; c < VIT_N_CRITERIA && status == VIT_OK; c++) {
            status = vit_channel_importance_correlate(r, kind, c, &found);
            row[c < 0 ? 3 : 4 + c] = vit_defined(found.spearman);
            if (c < 0)
                row[2] = vit_defined(found.pearson);
        }
        row[1] = vit_int(found.n);
        if (status == VIT_OK && found.n > 1)
            status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

int vit_channel_importance_print(const struct vit_channel_importance *result, const struct vit_options *options)
{
    struct vit_sink sink;
    bool *kept = calloc((size_t)result->importance->groups->n, sizeof *kept);
    int status = kept ? vit_channel_ranking_keep(result->importance, VIT_CRITERION_MOLCHANOV, VIT_REMOVED_SHARE, kept)
                      : vit_fail(VIT_ENOMEM, "out of memory: a ranking");
    const bool table = vit_output_is_table(options);
    if (status == VIT_OK && table)
        printf("%s: %s\n\nChannels left in each block when those of least importance (molchanov, all blocks together) "
               "go, until\n%.0f %% of the parameters of query/key, value and FFN channels are removed\n\n",
               result->model, result->settings, 100 * VIT_REMOVED_SHARE);
    if (status == VIT_OK)
        status = vit_output_open(&sink, options, &vit_channel_block_schema, NULL);
    if (status == VIT_OK)
        status = vit_sink_finish(&sink, vit_channel_importance_put_blocks(result, &sink, kept));
    free(kept);
    if (status != VIT_OK || !table)
        return status;
    printf("\nChange of the loss (%.4f) when one group is masked: predicted against true (pearson, spearman), then "
           "rank\ncorrelation of each criterion with its size\n\n",
           vit_group_removal_whole(result->removal));
    status = print_correlation(result, options);
    if (status == VIT_OK)
        printf("\nresults in %s: scores.csv, blocks.csv, check.csv, correlation.csv, run.json%s\n", result->folder,
               vit_plot_available() ? ", figures importance_widths, importance_check" : "");
    return status;
}

static int draw(const struct vit_channel_importance *r, const char *figure, const char *csv)
{
    char data[4200], output[4200];
    snprintf(data, sizeof data, "%s/%s.csv", r->folder, csv);
    snprintf(output, sizeof output, "%s/%s", r->folder, figure);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH}, {"model", r->model, VIT_PLOT_TEXT}, {"subtitle", r->settings, VIT_PLOT_TEXT}};
    return vit_plot_draw(&(struct vit_plot){.figure = figure, .output = output, .variable = variable, .n_variable = 3});
}

int vit_channel_importance_draw(const struct vit_channel_importance *result)
{
    int status = draw(result, "importance_widths", "blocks");
    return status == VIT_OK ? draw(result, "importance_check", "check") : status;
}
