/* SPDX-License-Identifier: MIT */
/* resolution.c - the paper's title has high resolution in it: how time, traffic, memory and what they are made of grow
 * with the side of the input. Each model at each size is a unit of work as those of `vitscope reproduce`. */
#include "analysis/resolution.h"

#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const default_models[] = {"deit_tiny", "swin_tiny", "efficientvit_m0", "efficientvit_m4"};
static const char default_sizes[] = "224,384,512,768,1024";

/* As --img has them. */
enum { LARGEST = 4096, REPEATS = 5 };

static int ascending(const void *left, const void *right)
{
    const int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

int vit_resolution_sizes(int size[VIT_MOST_SIZES], int *n, const char *list)
{
    const char *at = list;
    for (*n = 0;; at++) {
        char *end;
        const long value = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : 0;
        if (value < 1 || value > LARGEST || (*end && *end != ','))
            return vit_fail(VIT_EINVAL, "--sizes %s: takes sides from 1 to %d with commas: %s", list, LARGEST,
                            default_sizes);
        if (*n == VIT_MOST_SIZES)
            return vit_fail(VIT_EINVAL, "--sizes %s: more than %d", list, VIT_MOST_SIZES);
        size[(*n)++] = (int)value;
        at = end;
        if (!*at)
            break;
    }
    qsort(size, (size_t)*n, sizeof *size, ascending);
    for (int i = 1; i < *n; i++)
        if (size[i] == size[i - 1])
            return vit_fail(VIT_EINVAL, "--sizes %s: has %d twice", list, size[i]);
    return VIT_OK;
}

/* Names of files are made of it. */
static void clean(char *key)
{
    for (; *key; key++)
        if (!isalnum((unsigned char)*key) && !strchr("._-", *key))
            *key = '_';
}

static int add(struct vit_reproduction *r, const char *model, int side)
{
    struct vit_unit unit = vit_unit_of(r, "%.60s.%.20s.s%d.b%d.t%d", model, r->options->graph, side, r->options->batch,
                                       r->options->threads);
    clean(unit.key);
    for (int i = 0; i < r->n_unit; i++)
        if (strcmp(r->unit[i].key, unit.key) == 0)
            return vit_fail(VIT_EINVAL, "%s is given twice, or is too much like another model", model);
    unit.measure = vit_resolution_measure;
    unit.expected_s = 3 + (double)side * side / 50000;
    unit.options.argument[unit.options.n_argument++] = model;
    unit.options.img = side;
    return vit_reproduction_add(r, &unit);
}

/* A model that cannot be had at all is no matter of sizes. */
static int check(const struct vit_options *o, const char *model)
{
    static struct vit_recognised found; /* large */
    struct vit_graph graph;
    struct vit_plan plan;
    int status = vit_recognise_model(&found, model, NULL, o->set);
    if (status == VIT_OK)
        status = vit_model_build(&graph, found.model, (struct vit_model_options){.graph = o->graph});
    if (status != VIT_OK)
        return status;
    status = vit_plan_build(&plan, &graph, (struct vit_plan_options){.kernel = o->kernel});
    if (status == VIT_OK)
        vit_plan_close(&plan);
    vit_graph_close(&graph);
    return status;
}

static int plan(struct vit_reproduction *r)
{
    const struct vit_options *o = r->options;
    const int given = o->n_argument - 1;
    const int n = given > 0 ? given : (int)(sizeof default_models / sizeof default_models[0]);
    int size[VIT_MOST_SIZES], sizes, status = vit_resolution_sizes(size, &sizes, o->sizes ? o->sizes : default_sizes);
    for (int m = 0; m < n && status == VIT_OK; m++) {
        const char *model = given > 0 ? o->argument[m + 1] : default_models[m];
        status = check(o, model);
        for (int s = 0; s < sizes && status == VIT_OK; s++)
            status = add(r, model, size[s]);
    }
    return status;
}

static int conclude(struct vit_reproduction *r)
{
    int status = vit_resolution_write(r);
    return status == VIT_OK && vit_plot_available() ? vit_resolution_draw(r) : status;
}

static const struct vit_reproduction_def def = {.name = "resolution", .plan = plan, .finish = conclude};

static int describe(const struct vit_reproduction *r)
{
    struct vit_json json;
    char path[4200];
    snprintf(path, sizeof path, "%s/run.json", r->root);
    vit_json_open(&json);
    vit_run_info_begin(&json, "study resolution", r->options, r->machine);
    int status = vit_json_write(&json, path);
    vit_json_close(&json);
    return status;
}

static int work_through(struct vit_reproductions *work)
{
    int units, missing, status = vit_reproductions_plan(work, &units);
    if (status == VIT_OK)
        status = describe(work->item);
    if (status == VIT_OK)
        status = vit_reproductions_measure(work, &missing);
    if (status == VIT_OK)
        status = vit_reproduction_finish(work->item);
    if (status == VIT_OK)
        status = vit_resolution_print(work->item);
    if (status == VIT_OK && vit_output_is_table(work->options)) {
        printf("\nresults in %s: resolution.csv, exponents.csv, results.csv, run.json%s; units/ is kept: the same "
               "command with this --out goes on\n",
               work->root, vit_plot_available() ? ", figures resolution_*" : "");
        if (!vit_plot_available())
            printf("%s\n", vit_error());
    }
    return status;
}

static int run(const struct vit_options *given, const char *folder)
{
    static struct vit_machine machine;
    static struct vit_options options;
    if (given->img)
        return vit_fail(VIT_EINVAL, "--img %d: study resolution takes --sizes LIST", given->img);
    if (given->weights)
        return vit_fail(VIT_EINVAL, "--weights %s: study resolution needs none, times do not depend on them",
                        given->weights);
    options = *given;
    options.batch = given->batch ? given->batch : 1;
    options.graph = given->graph ? given->graph : "eager";
    options.repeat = given->repeat ? given->repeat : REPEATS;
    int status = vit_machine_read(&machine);
    if (status != VIT_OK)
        return status;
    struct vit_reproductions work = {
        .options = &options, .root = folder, .shards = 1, .item = calloc(1, sizeof *work.item), .n = 1};
    if (!work.item)
        return vit_fail(VIT_ENOMEM, "out of memory: a study");
    *work.item = (struct vit_reproduction){.def = &def, .options = &options, .root = folder, .machine = &machine};
    snprintf(work.item->folder, sizeof work.item->folder, "%s", folder);
    status = work_through(&work);
    vit_reproductions_close(&work);
    return status;
}

const struct vit_study_def vit_study_resolution = {
    .name = "resolution",
    .question = "how do time, traffic and memory grow with the resolution of the input?",
    .detail =
        "  Profiles each model at each of --sizes (default 224,384,512,768,1024): time, compulsory and simulated "
        "bytes\n"
        "  (--traffic simulated: however long it takes), planned memory of activations, MACs, share of the paper's\n"
        "  memory-bound classes and of attention; fits exponents against the number of pixels. Each point is kept in\n"
        "  OUT/units: with --out the same command goes on after a kill, and takes further sizes and models.\n"
        "  Default models: deit_tiny swin_tiny efficientvit_m0 efficientvit_m4.\n",
    .run = run,
};
