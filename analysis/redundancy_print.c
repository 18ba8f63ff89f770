/* SPDX-License-Identifier: MIT */
/* redundancy_print.c - tables and figures of one model. */
#include "analysis/output.h"
#include "analysis/redundancy.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct vit_column block_columns[] = {
    {"block", VIT_INT, "", ""},           {"name", VIT_TEXT, "", ""},        {"heads", VIT_INT, "", ""},
    {"map mean", VIT_REAL, "%", ""},      {"map max", VIT_REAL, "%", ""},    {"low", VIT_REAL, "%", ""},
    {"high", VIT_REAL, "%", ""},          {"random", VIT_REAL, "%", ""},     {"output max", VIT_REAL, "%", ""},
    {"output random", VIT_REAL, "%", ""}, {"output CKA", VIT_REAL, "%", ""}, {"paper full", VIT_REAL, "%", ""},
    {"paper split", VIT_REAL, "%", ""},
};
static const struct vit_schema block_schema = {"blocks", 1, sizeof block_columns / sizeof block_columns[0],
                                               block_columns};

static const struct vit_column head_columns[] = {
    {"block", VIT_INT, "", ""},         {"name", VIT_TEXT, "", ""},           {"least", VIT_INT, "", ""},
    {"loss change", VIT_REAL, "", ""},  {"logit change", VIT_REAL, "%", ""},  {"most", VIT_INT, "", ""},
    {"loss change ", VIT_REAL, "", ""}, {"logit change ", VIT_REAL, "%", ""}, {"top-1", VIT_REAL, "points", ""},
};
static const struct vit_schema head_schema = {"heads", 1, sizeof head_columns / sizeof head_columns[0], head_columns};

static int answer(const struct vit_redundancy *r, bool random, struct vit_head_question question,
                  struct vit_head_answer *result)
{
    return vit_head_similarity_answer(random ? &r->random : &r->here, question, &r->bootstrap, result);
}

/* One reduction in percent; bounds may be NULL. */
static int reduce(const struct vit_redundancy *r, bool random, struct vit_head_question question,
                  enum vit_head_reduction reduction, double *value, struct vit_interval *bounds)
{
    struct vit_head_answer result;
    const int n = r->bootstrap.resamples;
    *value = (double)NAN;
    if (random && !r->has_random)
        return VIT_OK;
    int status = answer(r, random, question, &result);
    if (status != VIT_OK)
        return status;
    *value = 100 * result.value[reduction];
    if (bounds)
        *bounds = vit_bootstrap_interval(result.replicate + (int)reduction * n, n);
    vit_head_answer_close(&result);
    return VIT_OK;
}

static int print_block(const struct vit_redundancy *r, struct vit_sink *sink, int b, const double paper[2])
{
    struct vit_head_question map = {b, VIT_HEAD_MAP, VIT_HEAD_COSINE_WHOLE}, output = map, cka = map;
    struct vit_interval bounds = {(double)NAN, (double)NAN};
    double mean, max, random, output_max, output_random, output_cka;
    output.object = cka.object = VIT_HEAD_OUTPUT;
    cka.measure = VIT_HEAD_CKA;
    int status = reduce(r, false, map, VIT_HEAD_MEAN, &mean, NULL);
    if (status == VIT_OK)
        status = reduce(r, false, map, VIT_HEAD_MEAN_MAX, &max, &bounds);
    if (status == VIT_OK)
        status = reduce(r, true, map, VIT_HEAD_MEAN_MAX, &random, NULL);
    if (status == VIT_OK)
        status = reduce(r, false, output, VIT_HEAD_MEAN_MAX, &output_max, NULL);
    if (status == VIT_OK)
        status = reduce(r, true, output, VIT_HEAD_MEAN_MAX, &output_random, NULL);
    if (status == VIT_OK)
        status = reduce(r, false, cka, VIT_HEAD_MEAN_MAX, &output_cka, NULL);
    if (status != VIT_OK)
        return status;
    const struct vit_cell row[] = {vit_int(b + 1),
                                   vit_text(r->here.block[b].name),
                                   vit_int(r->here.block[b].heads),
                                   vit_defined(mean),
                                   vit_defined(max),
                                   vit_defined(100 * bounds.low),
                                   vit_defined(100 * bounds.high),
                                   vit_defined(random),
                                   vit_defined(output_max),
                                   vit_defined(output_random),
                                   vit_defined(output_cka),
                                   vit_defined(paper[0]),
                                   vit_defined(paper[1])};
    return vit_sink_write(sink, row);
}

static int print_blocks(const struct vit_redundancy *r, const struct vit_options *options)
{
    const int n = r->here.n_block;
    double *paper = calloc(2 * (size_t)n, sizeof *paper);
    struct vit_sink sink;
    int status = paper ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: the paper's blocks");
    for (int b = 0; status == VIT_OK && b < 2 * n; b++)
        paper[b] = (double)NAN;
    if (status == VIT_OK && r->published)
        status = vit_redundancy_read_paper(r->family, "MHSA full feature", paper, n);
    if (status == VIT_OK && r->published)
        status = vit_redundancy_read_paper(r->family, "head splits", paper + n, n);
    if (status == VIT_OK)
        status = vit_output_open(&sink, options, &block_schema, NULL);
    if (status == VIT_OK) {
        for (int b = 0; b < n && status == VIT_OK; b++)
            status = print_block(r, &sink, b, (double[]){paper[b], paper[n + b]});
        status = vit_sink_finish(&sink, status);
    }
    free(paper);
    return status;
}

/* Of the heads of a block the one that is missed least, and the one that is missed most. */
struct extremes {
    int least, most; /* heads; -1: none */
    struct vit_head_effect least_effect, most_effect;
};

static int find_extremes(const struct vit_redundancy *r, int b, struct extremes *x)
{
    *x = (struct extremes){.least = -1, .most = -1};
    for (int head = 0; head < r->removal.n; head++) {
        struct vit_head_effect e;
        if (strcmp(r->removal.region[head]->block, r->here.block[b].name) != 0)
            continue;
        int status = vit_head_removal_effect(&r->removal, head, &r->bootstrap, &e);
        if (status != VIT_OK)
            return status;
        const double missed = r->labelled ? e.loss_change : e.logit_change;
        const int at = r->removal.region[head]->site.head;
        if (x->least < 0 || missed < (r->labelled ? x->least_effect.loss_change : x->least_effect.logit_change)) {
            x->least = at;
            x->least_effect = e;
        }
        if (x->most < 0 || missed > (r->labelled ? x->most_effect.loss_change : x->most_effect.logit_change)) {
            x->most = at;
            x->most_effect = e;
        }
    }
    return VIT_OK;
}

static int print_heads(const struct vit_redundancy *r, const struct vit_options *options)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &head_schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int b = 0; b < r->here.n_block && status == VIT_OK; b++) {
        struct extremes x;
        status = find_extremes(r, b, &x);
        const struct vit_cell row[] = {vit_int(b + 1),
                                       vit_text(r->here.block[b].name),
                                       vit_int(x.least),
                                       vit_defined(x.least_effect.loss_change),
                                       vit_defined(100 * x.least_effect.logit_change),
                                       vit_int(x.most),
                                       vit_defined(x.most_effect.loss_change),
                                       vit_defined(100 * x.most_effect.logit_change),
                                       vit_defined(100 * x.most_effect.accuracy_change)};
        if (status == VIT_OK)
            status = vit_sink_write(&sink, row);
    }
    return vit_sink_finish(&sink, status);
}

int vit_redundancy_print(const struct vit_redundancy *r, const struct vit_options *options)
{
    struct vit_head_effect whole;
    double map, output;
    printf("Similarity of heads in %%: cosine of whole attention maps (mean over pairs; mean of each head's largest, "
           "with\n"
           "its 95 %% interval over images), of head outputs, linear CKA of outputs; %s\n\n",
           r->has_random ? "random: the same network as training begins"
                         : "no random baseline: these weights are generated");
    int status = print_blocks(r, options);
    if (status == VIT_OK)
        status = vit_head_removal_effect(&r->removal, -1, &r->bootstrap, &whole);
    if (status != VIT_OK)
        return status;
    printf("\nOne head left out: the heads of each block that are missed least and most; %" PRId64 " images, ",
           r->removal.images);
    if (r->labelled)
        printf("whole network: loss %.4f, top-1 %.2f %%\n\n", whole.loss, 100 * whole.accuracy);
    else
        printf("labels are not\nthose of this model: only the change of the logits\n\n");
    status = print_heads(r, options);
    if (status == VIT_OK)
        status = vit_redundancy_correlation(r, VIT_HEAD_MAP, &map);
    if (status == VIT_OK)
        status = vit_redundancy_correlation(r, VIT_HEAD_OUTPUT, &output);
    if (status == VIT_OK)
        printf("\nrank correlation over heads of the largest similarity with another head and the change of the %s: "
               "maps %.2f, outputs %.2f\n",
               r->labelled ? "loss" : "logits", map, output);
    return status;
}

static int draw(const struct vit_redundancy_figure *f, const char *folder, const char *figure, const char *csv)
{
    char data[4200], name[sizeof f->model], output[4400], number[16], blocks[16];
    snprintf(name, sizeof name, "%s", f->model);
    for (char *c = name; *c; c++)
        *c = (char)(isalnum((unsigned char)*c) ? *c : '_');
    snprintf(data, sizeof data, "%s/%s.csv", folder, csv);
    snprintf(output, sizeof output, "%s/%s_%s", folder, name, figure);
    snprintf(number, sizeof number, "%d", f->number);
    snprintf(blocks, sizeof blocks, "%d", f->blocks);
    const struct vit_plot_variable variable[] = {
        {"data", data, VIT_PLOT_PATH},       {"subtitle", f->subtitle, VIT_PLOT_TEXT},
        {"model", f->model, VIT_PLOT_TEXT},  {"number", number, VIT_PLOT_NUMBER},
        {"blocks", blocks, VIT_PLOT_NUMBER}, {"labelled", f->labelled ? "1" : "0", VIT_PLOT_NUMBER}};
    return vit_plot_draw(&(struct vit_plot){
        .figure = figure, .output = output, .variable = variable, .n_variable = sizeof variable / sizeof variable[0]});
}

int vit_redundancy_draw(const struct vit_redundancy_figure *figure, const char *folder)
{
    int status = draw(figure, folder, "head_similarity", "blocks");
    if (status == VIT_OK)
        status = draw(figure, folder, "head_heatmap", "similarity");
    return status == VIT_OK ? draw(figure, folder, "head_removal", "heads") : status;
}
