/* SPDX-License-Identifier: MIT */
/* redundancy.c - the paper's Fig. 4: how much alike attention heads are, block by block, and what the network loses
 * without each of them. Not known of the paper's figure: whether maps or outputs are compared, images, their number;
 * all are options or columns here (reports/paper/README.md). */
#include "analysis/redundancy.h"

#include "analysis/image_stream.h"
#include "analysis/instance.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "analysis/study_model.h"
#include "model/base/status.h"
#include "model/train/initialize.h"
#include "reports/gnuplot.h"
#include "reports/progress.h"

#include <inttypes.h>
#include <string.h>

enum { RESAMPLES = 1000, IMAGES = 64, BATCH = 8 };

static const char *const default_models[] = {"deit_tiny", "swin_tiny", "efficientvit_m4"};

/* One model at work. */
struct measurement {
    const struct vit_options *options;
    struct vit_study_model chosen;
    struct vit_instance net;
    struct vit_image_stream images;
    struct vit_redundancy result;
    char weights[400];
};

static struct vit_instance_options net_options(const struct vit_options *o, const char *graph)
{
    return (struct vit_instance_options){
        .model = {.batch = o->batch ? o->batch : BATCH, .img = o->img, .classes = o->classes, .graph = graph},
        .threads = o->threads,
        .keep_taps = true,
        .kernel = o->kernel,
        .weights = o->weights,
        .seed = o->seed};
}

/* Whether a graph computes what heads are compared by. */
static int check_heads(const struct vit_graph *graph)
{
    struct vit_head_similarity similarity;
    int status = vit_head_similarity_open(&similarity, graph, 1);
    if (status == VIT_OK)
        vit_head_similarity_close(&similarity);
    return status;
}

/* With the graph that was asked for, or with the eager one where that lacks some of it. */
static int open_net(struct measurement *m)
{
    const char *graph = m->options->graph ? m->options->graph : "folded";
    for (;; graph = "eager") {
        struct vit_instance_options options = net_options(m->options, graph);
        int status = vit_instance_open_model(&m->net, m->chosen.model, &options);
        if (status != VIT_OK)
            return status;
        m->result.graph = graph;
        status = check_heads(&m->net.graph);
        if (status == VIT_OK)
            return VIT_OK;
        vit_instance_close(&m->net);
        if (status != VIT_ENOTSUP || strcmp(graph, "eager") == 0)
            return status;
    }
}

static int open_images(struct measurement *m)
{
    const struct vit_options *o = m->options;
    return vit_image_stream_open(&m->images,
                                 &(struct vit_image_stream_options){.spec = o->data,
                                                                    .images = o->images ? o->images : IMAGES,
                                                                    .preprocess = vit_instance_preprocess(&m->net),
                                                                    .batch = m->net.graph.batch,
                                                                    .classes = (int)m->net.graph.logits->dim[1],
                                                                    .seed = o->seed});
}

/* Forwards with the weights at hand; heads are removed one by one as well, or not. */
static int run_images(struct measurement *m, struct vit_head_similarity *similarity, bool remove)
{
    struct vit_progress progress;
    int count, status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    vit_progress_open(&progress, remove ? "heads" : "random weights", m->images.images);
    while (status == VIT_OK && count > 0) {
        vit_exec_run(&m->net.exec);
        status = vit_head_similarity_add(similarity, &m->net.graph, count, m->net.exec.pool);
        if (status == VIT_OK && remove)
            status = vit_head_removal_add(&m->result.removal, &m->net.exec, count, m->images.label);
        vit_progress_update(&progress, similarity->images);
        if (status == VIT_OK)
            status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    }
    vit_progress_close(&progress);
    return status;
}

/* The same network as training begins, where the weights at hand are others. */
static int run_random(struct measurement *m)
{
    struct vit_redundancy *r = &m->result;
    int status = vit_head_similarity_open(&r->random, &m->net.graph, m->images.images);
    if (status != VIT_OK)
        return status;
    r->has_random = true;
    status = vit_weights_initialize(&m->net.graph, m->chosen.model->family, m->options->seed);
    if (status != VIT_OK)
        return status;
    vit_exec_prepare(&m->net.exec);
    return run_images(m, &r->random, false);
}

static void describe(struct measurement *m)
{
    struct vit_redundancy *r = &m->result;
    const struct vit_options *o = m->options;
    r->model = m->chosen.model->name;
    r->family = m->chosen.model->family->name;
    r->labelled = m->images.labelled;
    if (o->weights)
        snprintf(m->weights, sizeof m->weights, "weights of %.300s", o->weights);
    else
        snprintf(m->weights, sizeof m->weights, "generated weights, seed %" PRIu64, o->seed);
    r->weights = m->weights;
}

static int measure(struct measurement *m)
{
    struct vit_redundancy *r = &m->result;
    int status = vit_bootstrap_open(&r->bootstrap, m->options->seed, m->images.images, RESAMPLES);
    if (status == VIT_OK)
        status = vit_head_similarity_open(&r->here, &m->net.graph, m->images.images);
    if (status == VIT_OK)
        status = vit_head_removal_open(&r->removal, &m->net.graph, m->images.images);
    if (status == VIT_OK)
        status = run_images(m, &r->here, true);
    return status == VIT_OK && m->options->weights ? run_random(m) : status;
}

static void close_measurement(struct measurement *m)
{
    vit_head_similarity_close(&m->result.here);
    vit_head_similarity_close(&m->result.random);
    vit_head_removal_close(&m->result.removal);
    vit_bootstrap_close(&m->result.bootstrap);
    vit_image_stream_close(&m->images);
    vit_instance_close(&m->net);
    vit_study_model_close(&m->chosen);
}

static void write_info(struct vit_json *json, const struct measurement *m)
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
    vit_json_integer(json, "resamples", RESAMPLES);
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
static int report(struct study *study, struct measurement *m)
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
    static struct measurement m; /* large; its parts point at each other */
    m = (struct measurement){.options = study->options, .result.number = study->n + 1};
    int status = vit_study_model_open(&m.chosen, study->options, spec);
    if (status == VIT_OK)
        status = open_net(&m);
    if (status == VIT_OK)
        status = open_images(&m);
    if (status == VIT_OK) {
        describe(&m);
        status = measure(&m);
    }
    if (status == VIT_OK)
        status = report(study, &m);
    close_measurement(&m);
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
