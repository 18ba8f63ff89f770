/* SPDX-License-Identifier: MIT */
/* join.c - cost and need side by side, by operator: the paper's case is that networks spend time on what they need
 * least (memory-bound layers, redundant heads). One study measures both on one network. */
#include "analysis/join.h"

#include "analysis/output.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "analysis/study_model.h"
#include "model/base/status.h"
#include "model/train/evaluate.h"
#include "reports/gnuplot.h"
#include "reports/progress.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 64, BATCH = 8, RESAMPLES = 1000 };

/* The network there and back, and a second one that keeps what heads are compared by and is run without each. */
struct measurement {
    const struct vit_options *options;
    struct vit_study_model chosen;
    struct vit_profile profile;
    struct vit_instance net, judge;
    struct vit_image_stream images;
    struct vit_join join;
};

static int open_net(struct measurement *m, struct vit_instance *net, bool backward)
{
    const struct vit_options *o = m->options;
    const struct vit_instance_options options = {
        .model = {.batch = o->batch ? o->batch : BATCH, .img = o->img, .classes = o->classes, .graph = "eager"},
        .threads = o->threads,
        .kernel = o->kernel,
        .backward = backward,
        .keep_taps = !backward,
        .weights = backward ? o->weights : NULL,
        .seed = o->seed};
    return vit_instance_open_model(net, m->chosen.model, &options);
}

/* Time does not depend on images: generated ones. */
static int open_profile(struct measurement *m, const char *spec, const struct vit_machine *machine)
{
    struct vit_options options = *m->options;
    options.data = options.image = NULL;
    options.graph = "eager";
    return vit_profile_open(&m->profile, spec, &options, machine);
}

/* Networks without heads have only the rest. */
static int open_heads(struct measurement *m)
{
    struct vit_join *j = &m->join;
    int status = vit_head_similarity_open(&j->similarity, &m->judge.graph, m->images.images);
    if (status == VIT_OK)
        status = vit_head_removal_open(&j->removal, &m->judge.graph, m->images.images);
    if (status == VIT_OK)
        status = vit_channel_groups_find(&j->groups, &m->net.graph);
    if (status == VIT_OK)
        status = vit_importance_open(&j->importance, &j->groups, 0, m->options->seed);
    if (status != VIT_ENOTSUP)
        return status;
    snprintf(j->no_heads, sizeof j->no_heads, "%s", vit_error());
    vit_head_removal_close(&j->removal);
    vit_head_similarity_close(&j->similarity);
    return VIT_OK;
}

static int open_all(struct measurement *m)
{
    int status = open_net(m, &m->net, true);
    if (status == VIT_OK)
        status = open_net(m, &m->judge, false);
    if (status == VIT_OK)
        status = vit_study_images_open(&m->images, m->options, &m->net, IMAGES);
    if (status == VIT_OK)
        status = vit_weights_copy(&m->judge.graph, &m->net.graph);
    if (status == VIT_OK)
        status = open_heads(m);
    if (status == VIT_OK)
        status = vit_bootstrap_open(&m->join.bootstrap, m->options->seed, m->images.images, RESAMPLES);
    if (status == VIT_OK)
        vit_exec_prepare(&m->judge.exec);
    return status;
}

static void close_all(struct measurement *m)
{
    free(m->join.tensor);
    vit_bootstrap_close(&m->join.bootstrap);
    vit_importance_close(&m->join.importance);
    vit_channel_groups_close(&m->join.groups);
    vit_head_removal_close(&m->join.removal);
    vit_head_similarity_close(&m->join.similarity);
    vit_image_stream_close(&m->images);
    vit_instance_close(&m->judge);
    vit_instance_close(&m->net);
    vit_profile_close(&m->profile);
    vit_study_model_close(&m->chosen);
}

static int run_heads(struct measurement *m, int count)
{
    struct vit_join *j = &m->join;
    vit_importance_add(&j->importance);
    memcpy(m->judge.graph.input->data, m->net.graph.input->data, vit_nbytes(m->net.graph.input));
    vit_exec_run(&m->judge.exec);
    int status = vit_head_similarity_add(&j->similarity, &m->judge.graph, count, m->judge.exec.pool);
    return status == VIT_OK ? vit_head_removal_add(&j->removal, &m->judge.exec, count, m->images.label) : status;
}

static int measure(struct measurement *m)
{
    struct vit_progress progress;
    int64_t seen = 0;
    int count, status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    vit_progress_open(&progress, "importance, heads", m->images.images);
    while (status == VIT_OK && count > 0) {
        vit_exec_run(&m->net.exec);
        vit_join_add(&m->join);
        if (!*m->join.no_heads)
            status = run_heads(m, count);
        vit_progress_update(&progress, seen += count);
        if (status == VIT_OK)
            status = vit_image_stream_next(&m->images, &m->net.graph, &count);
    }
    vit_progress_close(&progress);
    return status;
}

static void write_info(struct vit_json *json, const struct measurement *m)
{
    if (m->options->weights)
        vit_json_string(json, "weights_sha256", m->net.weights.sha256);
    else
        vit_json_null(json, "weights_sha256", "generated from the seed");
    vit_json_string(json, "images", m->images.text);
    vit_json_integer(json, "batches", m->join.batches);
    vit_json_integer(json, "batch_of_importance", m->net.graph.batch);
    vit_json_integer(json, "resamples", RESAMPLES);
    vit_json_array(json, "models");
    vit_run_info_profile(json, &m->profile, m->join.folder);
    vit_json_end(json);
}

static int report(struct measurement *m, struct vit_json *json)
{
    char path[4200], settings[1200], cost[256];
    vit_profile_settings(&m->profile, cost, sizeof cost);
    snprintf(settings, sizeof settings, "time: %s; importance: %.300s; %.400s", cost,
             m->options->weights ? m->options->weights : "generated weights", m->images.text);
    write_info(json, m);
    m->join.settings = settings;
    int status = vit_join_write(&m->join);
    if (status == VIT_OK && vit_plot_available())
        status = vit_join_draw(&m->join);
    snprintf(path, sizeof path, "%s/run.json", m->join.folder);
    if (status == VIT_OK)
        status = vit_json_write(json, path);
    if (status == VIT_OK)
        status = vit_join_print(&m->join, m->options);
    m->join.settings = NULL;
    return status;
}

static int work(struct measurement *m, const char *spec)
{
    static struct vit_machine machine;
    struct vit_json json;
    int status = vit_study_model_open(&m->chosen, m->options, spec);
    if (status == VIT_OK)
        status = vit_machine_read(&machine);
    if (status == VIT_OK)
        status = open_all(m);
    if (status == VIT_OK)
        status = open_profile(m, spec, &machine);
    if (status == VIT_OK)
        status = vit_join_pair(&m->join, &m->net.graph);
    if (status == VIT_OK)
        status = measure(m);
    if (status != VIT_OK)
        return status;
    m->join.model = m->chosen.model->name;
    vit_json_open(&json);
    vit_run_info_begin(&json, "study join", m->options, &machine);
    status = report(m, &json);
    vit_json_close(&json);
    return status;
}

static int run(const struct vit_options *given, const char *folder)
{
    static struct measurement m; /* large; its parts point at each other */
    static struct vit_options own;
    const struct vit_options *options = &own;
    own = *given;
    if (options->n_argument > 2)
        return vit_fail(VIT_EINVAL, "study join takes one model");
    if (options->n_argument > 1 && !options->weights && vit_is_weight_file(options->argument[1]))
        own.weights = options->argument[1];
    if (options->graph && strcmp(options->graph, "eager") != 0)
        return vit_fail(VIT_EINVAL, "--graph %s: study join takes eager: parameters of others are not those learned",
                        options->graph);
    m = (struct measurement){.options = options, .join = {.folder = folder, .profile = &m.profile}};
    int status = work(&m, options->n_argument > 1 ? options->argument[1] : NULL);
    close_all(&m);
    return status;
}

const struct vit_study_def vit_study_join = {
    .name = "join",
    .question = "is what costs most what matters least?",
    .detail =
        "  One table of cost and need: for the model, each block, layer, role, operator and head: time, bytes by "
        "source,\n"
        "  MACs, parameters; Taylor importance of the parameters, similarity of heads, loss without each head. Rank\n"
        "  correlation over the layers of all blocks, with intervals, and their scatter. Needs --data whose labels "
        "are\n"
        "  the model's classes. MODEL, or the one that --weights tell.\n",
    .run = run,
};
