/* SPDX-License-Identifier: MIT */
#include "analysis/channel_measure.h"

#include "analysis/study_model.h"
#include "model/base/status.h"
#include "model/train/evaluate.h"
#include "reports/progress.h"

#include <string.h>

enum { IMAGES = 256, BATCH = 32, MASKED = 24 };

static int open_net(struct vit_channel_measurement *m, struct vit_instance *net, bool backward)
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

static int open_all(struct vit_channel_measurement *m)
{
    int status = open_net(m, &m->net, true);
    if (status == VIT_OK)
        status = open_net(m, &m->judge, false);
    if (status == VIT_OK)
        status = vit_study_images_open(&m->images, m->options, &m->net, IMAGES);
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

void vit_channel_measurement_close(struct vit_channel_measurement *m)
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
static int run_batches(struct vit_channel_measurement *m)
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

int vit_channel_measure(struct vit_channel_measurement *m, const struct vit_options *options, const char *spec)
{
    *m = (struct vit_channel_measurement){.options = options};
    int status = vit_study_model_open(&m->chosen, options, spec);
    if (status == VIT_OK)
        status = open_all(m);
    if (status == VIT_OK)
        status = run_batches(m);
    if (status != VIT_OK)
        vit_channel_measurement_close(m);
    return status;
}
