/* SPDX-License-Identifier: MIT */
/* redundancy_measure.c - the forwards of a study of redundancy: whole, without each head, as training begins. */
#include "analysis/redundancy_measure.h"

#include "model/base/status.h"
#include "model/train/initialize.h"
#include "reports/progress.h"

#include <inttypes.h>
#include <string.h>

enum { IMAGES = 64, BATCH = 8 };

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
static int open_net(struct vit_redundancy_measurement *m)
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

static int open_images(struct vit_redundancy_measurement *m)
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
static int run_images(struct vit_redundancy_measurement *m, struct vit_head_similarity *similarity, bool remove)
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
static int run_random(struct vit_redundancy_measurement *m)
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

static void describe(struct vit_redundancy_measurement *m)
{
    struct vit_redundancy *r = &m->result;
    const struct vit_options *o = m->options;
    r->model = m->chosen.model->name;
    r->family = m->chosen.model->family->name;
    r->labelled = m->images.labelled;
    r->published = vit_redundancy_is_published(m->chosen.model);
    if (o->weights)
        snprintf(m->weights, sizeof m->weights, "weights of %.300s", o->weights);
    else
        snprintf(m->weights, sizeof m->weights, "generated weights, seed %" PRIu64, o->seed);
    r->weights = m->weights;
}

static int measure(struct vit_redundancy_measurement *m)
{
    struct vit_redundancy *r = &m->result;
    int status = vit_bootstrap_open(&r->bootstrap, m->options->seed, m->images.images, VIT_REDUNDANCY_RESAMPLES);
    if (status == VIT_OK)
        status = vit_head_similarity_open(&r->here, &m->net.graph, m->images.images);
    if (status == VIT_OK)
        status = vit_head_removal_open(&r->removal, &m->net.graph, m->images.images);
    if (status == VIT_OK)
        status = run_images(m, &r->here, true);
    return status == VIT_OK && m->options->weights ? run_random(m) : status;
}

int vit_redundancy_measure(struct vit_redundancy_measurement *m, const struct vit_options *options, const char *spec,
                           int number)
{
    *m = (struct vit_redundancy_measurement){.options = options, .result.number = number};
    int status = vit_study_model_open(&m->chosen, options, spec);
    if (status == VIT_OK)
        status = open_net(m);
    if (status == VIT_OK)
        status = open_images(m);
    if (status == VIT_OK) {
        describe(m);
        status = measure(m);
    }
    if (status != VIT_OK)
        vit_redundancy_measurement_close(m);
    return status;
}

void vit_redundancy_measurement_close(struct vit_redundancy_measurement *m)
{
    vit_head_similarity_close(&m->result.here);
    vit_head_similarity_close(&m->result.random);
    vit_head_removal_close(&m->result.removal);
    vit_bootstrap_close(&m->result.bootstrap);
    vit_image_stream_close(&m->images);
    vit_instance_close(&m->net);
    vit_study_model_close(&m->chosen);
}
