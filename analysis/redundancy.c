/* SPDX-License-Identifier: MIT */
/* redundancy.c - the paper's Fig. 4: how much alike attention heads are, block by block, and what the network loses
 * without each of them. Not known of the paper's figure: whether maps or outputs are compared, images, their number;
 * all are options or columns here (reports/paper/README.md). */
#include "analysis/redundancy_measure.h"

#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

#include <string.h>

static const char *const default_models[] = {"deit_tiny", "swin_tiny", "efficientvit_m4"};

static void write_info(struct vit_json *json, const struct vit_redundancy_measurement *m)
{
    vit_json_object(json, NULL);
    vit_json_string(json, "model", m->result.model);
    vit_json_string(json, "reference", m->chosen.model->family->reference);
    vit_json_string(json, "graph", m->result.graph);
    vit_json_string(json, "weights", m->result.weights);
    if (m->options->weights)
        vit_json_string(json, "weights_sha256", m->net.weights.sha256);
    vit_json_string(json, "images", m->images.text);
    vit_json_boolean(json, "labelled", m->result.labelled);
    vit_json_integer(json, "image_size", m->net.graph.input->dim[2]);
    vit_json_integer(json, "resamples", VIT_REDUNDANCY_RESAMPLES);
    vit_json_end(json);
}

enum { MOST_MODELS = 32 };

struct study {
    const struct vit_options *options;
    const char *folder;
    struct vit_redundancy_files files;
    struct vit_json json;
    struct vit_redundancy_figure figure[MOST_MODELS]; /* drawn when the files are there */
    int n;
};

/* Rows, tables, what is needed for the figures. */
static int report(struct study *study, struct vit_redundancy_measurement *m)
{
    const int side = (int)m->net.graph.input->dim[2];
    struct vit_redundancy_figure *figure = &study->figure[study->n++];
    *figure = (struct vit_redundancy_figure){
        .number = m->result.number, .blocks = m->result.here.n_block, .labelled = m->result.labelled};
    snprintf(figure->model, sizeof figure->model, "%s", m->result.model);
    snprintf(figure->subtitle, sizeof figure->subtitle, "%s; %s, %d x %d", m->result.weights, m->images.text, side,
             side);
    write_info(&study->json, m);
    int status = vit_redundancy_write(&study->files, &m->result);
    if (status != VIT_OK || !vit_output_is_table(study->options))
        return status;
    printf("%s%s: %s\n%s graph\n\n", study->n > 1 ? "\n" : "", m->result.model, figure->subtitle, m->result.graph);
    return vit_redundancy_print(&m->result, study->options);
}

static int run_model(struct study *study, const char *spec)
{
    static struct vit_redundancy_measurement m; /* large */
    int status = vit_redundancy_measure(&m, study->options, spec, study->n + 1);
    if (status != VIT_OK)
        return status;
    status = report(study, &m);
    vit_redundancy_measurement_close(&m);
    return status;
}

static int run_models(struct study *study)
{
    const struct vit_options *o = study->options;
    const int given = o->n_argument - 1, n_default = sizeof default_models / sizeof default_models[0];
    const int n = given > 0 ? given : o->weights ? 1 : n_default;
    int status = VIT_OK;
    if (n > MOST_MODELS)
        return vit_fail(VIT_EINVAL, "%d models, at most %d", n, MOST_MODELS);
    if (o->weights && n > 1)
        return vit_fail(VIT_EINVAL, "--weights are of one model, %d are given", n);
    for (int i = 0; i < n && status == VIT_OK; i++)
        status = run_model(study, given > 0 ? o->argument[i + 1] : o->weights ? NULL : default_models[i]);
    return status;
}

static int finish(struct study *study)
{
    char path[4200];
    int status = VIT_OK;
    for (int i = 0; i < study->n && status == VIT_OK && vit_plot_available(); i++)
        status = vit_redundancy_draw(&study->figure[i], study->folder);
    snprintf(path, sizeof path, "%s/run.json", study->folder);
    if (status == VIT_OK)
        status = vit_json_write(&study->json, path);
    if (status == VIT_OK && vit_output_is_table(study->options))
        printf("\nresults in %s: blocks.csv, similarity.csv, heads.csv, correlation.csv, run.json%s\n", study->folder,
               vit_plot_available() ? ", figures MODEL_head_*" : "");
    return status;
}

static int run(const struct vit_options *options, const char *folder)
{
    static struct vit_machine machine;
    static struct study study;
    study = (struct study){.options = options, .folder = folder};
    int status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = vit_redundancy_files_open(&study.files, options, folder);
    if (status != VIT_OK)
        return status;
    vit_json_open(&study.json);
    vit_run_info_begin(&study.json, "study redundancy", options, &machine);
    vit_json_array(&study.json, "models");
    status = vit_redundancy_files_close(&study.files, run_models(&study));
    vit_json_end(&study.json);
    if (status == VIT_OK)
        status = finish(&study);
    vit_json_close(&study.json);
    return status;
}

const struct vit_study_def vit_study_redundancy = {
    .name = "redundancy",
    .question = "do attention heads learn the same (the paper's Fig. 4), and what is lost without each of them?",
    .detail =
        "  Compares the heads of each block on --images images of --data: attention maps, outputs, values, queries, "
        "keys;\n"
        "  cosine of rows or of the whole, linear CKA; mean over pairs, mean or largest of maxima, with intervals by\n"
        "  bootstrap over images, beside the same network as training begins and the paper's points. Then leaves out "
        "one\n"
        "  head at a time: loss, accuracy, logits. The paper does not tell whether maps or outputs were compared.\n"
        "  Default models: deit_tiny swin_tiny efficientvit_m4; with --weights the model that they tell.\n",
    .run = run,
};
