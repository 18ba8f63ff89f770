/* SPDX-License-Identifier: MIT */
/* channel_importance.c - the paper's Fig. 5, first half: Taylor importance of channel groups, what a global ranking by
 * it would keep in each block, and whether its predictions are true. The paper tells neither its budget nor its number
 * of batches. */
#include "analysis/channel_importance.h"

#include "analysis/channel_measure.h"
#include "analysis/run_info.h"
#include "analysis/study.h"
#include "model/base/status.h"
#include "reports/gnuplot.h"

static void write_info(struct vit_json *json, const struct vit_channel_measurement *m)
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

static int report(struct vit_channel_measurement *m, const char *folder, struct vit_json *json)
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
    static struct vit_channel_measurement m; /* its parts point at each other */
    static struct vit_machine machine;
    struct vit_json json;
    if (options->n_argument > 2)
        return vit_fail(VIT_EINVAL, "study importance takes one model");
    int status = vit_channel_measure(&m, options, options->n_argument > 1 ? options->argument[1] : NULL);
    if (status != VIT_OK)
        return status;
    status = vit_machine_read(&machine);
    if (status == VIT_OK) {
        vit_json_open(&json);
        vit_run_info_begin(&json, "study importance", options, &machine);
        status = report(&m, folder, &json);
        vit_json_close(&json);
    }
    vit_channel_measurement_close(&m);
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
