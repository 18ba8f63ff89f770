/* SPDX-License-Identifier: MIT */
/* channel_importance.c - the paper's Fig. 5, first half: Taylor importance of channel groups, what a global ranking by
 * it would keep in each block, and whether its predictions are true. The paper tells neither its budget nor its number
 * of batches. */
#include "analysis/channel_importance.h"

#include "analysis/image_stream.h"
#include "analysis/instance.h"
#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "analysis/study_model.h"
#include "model/base/status.h"
#include "model/train/evaluate.h"
#include "reports/gnuplot.h"
#include "reports/progress.h"

#include <string.h>

enum { IMAGES = 256, BATCH = 32, MASKED = 24 };

/* The network there and back, and a second one that is only run there, for masks. */
struct measurement {
    const struct vit_options *options;
    struct vit_study_model chosen;
    struct vit_instance net, judge;
    struct vit_image_stream images;
    struct vit_channel_groups groups, judged;
    struct vit_importance importance;
    struct vit_group_removal removal;
};

static int open_net(struct measurement *m, struct vit_instance *net, bool backward)
{
    const struct vit_options *o = m->options;
    const struct vit_instance_options options = {
        .model = {.batch = o->batch ? o->batch : BATCH, .img = o->img, .classes = o->classes, .graph = "eager"},
        .threads = o->threads,
        .kernel = o->kernel,
        .backward = backward,
        .weights = backward ? o->weights : NULL,
        .seed = o->seed};
    return vit_instance_open_model(net, m->chosen.model, &options);
}

static int open_images(struct measurement *m)
{
    const struct vit_options *o = m->options;
    const int classes = (int)m->net.graph.logits->dim[1];
    int status = vit_image_stream_open(
        &m->images, &(struct vit_image_stream_options){.spec = o->data,
                                                       .images = o->images ? o->images : IMAGES,
                                                       .preprocess = vit_instance_preprocess(&m->net),
                                                       .batch = m->net.graph.batch,
                                                       .classes = classes,
                                                       .whole_batches = true,
                                                       .seed = o->seed});
    if (status == VIT_OK && !m->images.labelled)
        return vit_fail(VIT_EINVAL,
                        "--data %s: has %d classes, the model %d: importance is of the loss, which needs their labels",
                        o->data ? o->data : "synthetic", m->images.dataset.classes, classes);
    return status;
}

static int open_all(struct measurement *m)
{
    int status = open_net(m, &m->net, true);
    if (status == VIT_OK)
        status = open_net(m, &m->judge, false);
    if (status == VIT_OK)
        status = open_images(m);
    if (status == VIT_OK)
        status = vit_weights_copy(&m->judge.graph, &m->net.graph);
    if (status == VIT_OK)
        status = vit_channel_groups_find(&m->groups, &m->net.graph);
    if (status == VIT_OK)
        status = vit_channel_groups_find(&m->judged, &m->judge.graph);
    if (status == VIT_OK)
        status = vit_importance_open(&m->importance, &m->groups, m->options->momentum, m->options->seed);
    if (status == VIT_OK)
        status = vit_group_removal_open(&m->removal, &m->judged, MASKED, m->options->seed);
    if (status == VIT_OK)
        vit_exec_prepare(&m->judge.exec);
    return status;
}

static void close_all(struct measurement *m)
{
    vit_group_removal_close(&m->removal);
    vit_importance_close(&m->importance);
    vit_channel_groups_close(&m->judged);
    vit_channel_groups_close(&m->groups);
    vit_image_stream_close(&m->images);
    vit_instance_close(&m->judge);
    vit_instance_close(&m->net);
    vit_study_model_close(&m->chosen);
}

/* Gradients and masks see the same batches. */
static int measure(struct measurement *m)
{
    struct vit_progress progress;
    int count, status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    vit_progress_open(&progress, "importance", m->images.images);
    while (status == VIT_OK && count > 0) {
        vit_exec_run(&m->net.exec);
        vit_importance_add(&m->importance);
        memcpy(m->judge.graph.input->data, m->net.graph.input->data, vit_nbytes(m->net.graph.input));
        vit_group_removal_add(&m->removal, &m->judge.exec, count, m->images.label);
        vit_progress_update(&progress, m->removal.images);
        status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    }
    vit_progress_close(&progress);
    return status;
}

static void write_info(struct vit_json *json, const struct measurement *m)
{
    vit_json_string(json, "model", m->chosen.model->name);
    vit_json_string(json, "reference", m->chosen.model->family->reference);
    vit_json_string(json, "graph", "eager");
    if (m->options->weights)
        vit_json_string(json, "weights_sha256", m->net.weights.sha256);
    else
        vit_json_null(json, "weights_sha256", "generated from the seed");
    vit_json_string(json, "images", m->images.text);
    vit_json_integer(json, "batches", m->importance.batches);
    vit_json_number(json, "momentum", m->importance.momentum);
    vit_json_integer(json, "groups", m->groups.n);
    vit_json_integer(json, "masked_groups", m->removal.n);
    vit_json_string(json, "ranking", "molchanov");
    vit_json_number(json, "removed_share", VIT_REMOVED_SHARE);
}

static int report(struct measurement *m, const char *folder, struct vit_json *json)
{
    char path[4200], subtitle[1000];
    const int side = (int)m->net.graph.input->dim[2];
    snprintf(subtitle, sizeof subtitle, "%.300s; %s, %d x %d, batches of %d",
             m->options->weights ? m->options->weights : "generated weights", m->images.text, side, side,
             m->net.graph.batch);
    const struct vit_channel_importance result = {.model = m->chosen.model->name,
                                                  .family = m->chosen.model->family->name,
                                                  .settings = subtitle,
                                                  .folder = folder,
                                                  .importance = &m->importance,
                                                  .removal = &m->removal};
    write_info(json, m);
    int status = vit_channel_importance_write(&result);
    if (status == VIT_OK && vit_plot_available())
        status = vit_channel_importance_draw(&result);
    snprintf(path, sizeof path, "%s/run.json", folder);
    if (status == VIT_OK)
        status = vit_json_write(json, path);
    return status == VIT_OK ? vit_channel_importance_print(&result, m->options) : status;
}

static int run(const struct vit_options *options, const char *folder)
{
    static struct measurement m; /* its parts point at each other */
    static struct vit_machine machine;
    struct vit_json json;
    if (options->n_argument > 2)
        return vit_fail(VIT_EINVAL, "study importance takes one model");
    m = (struct measurement){.options = options};
    int status = vit_study_model_open(&m.chosen, options, options->n_argument > 1 ? options->argument[1] : NULL);
    if (status == VIT_OK)
        status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = open_all(&m);
    if (status == VIT_OK)
        status = measure(&m);
    if (status == VIT_OK) {
        vit_json_open(&json);
        vit_run_info_begin(&json, "study importance", options, &machine);
        status = report(&m, folder, &json);
        vit_json_close(&json);
    }
    close_all(&m);
    return status;
}

const struct vit_study_def vit_study_channel_importance = {
    .name = "importance",
    .question = "which channels does the loss need (the paper's Fig. 5), and is that foretold by Taylor scores?",
    .detail =
        "  Gradient times weight of each group of channels that goes together: query with key, value with its column "
        "of\n"
        "  the projection, hidden channel of an FFN, head, embedding (DeiT, Swin), by six criteria, averaged over\n"
        "  batches (--momentum 0.9: moving). Ranks query/key, value and FFN channels of all blocks together, and "
        "tells\n"
        "  what is left in each block beside the paper's points; masks some channels of each kind, one at a time, "
        "and\n"
        "  compares the change of the loss with its prediction. MODEL, or the one that --weights tell.\n",
    .run = run,
};
