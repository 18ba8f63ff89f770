/* SPDX-License-Identifier: MIT */
/* prune_measure.c - what a network needs and what it can do. */
#include "analysis/instance.h"
#include "analysis/prune.h"
#include "analysis/runner.h"
#include "model/base/status.h"
#include "model/zoo/block_layout.h"

#include <math.h>

int vit_prune_measure_size(const struct vit_model_def *model, struct vit_prune_size *size)
{
    struct vit_graph graph;
    int status = vit_model_build(&graph, model, (struct vit_model_options){0});
    *size = (struct vit_prune_size){0};
    if (status != VIT_OK)
        return status;
    size->params = vit_graph_parameters(&graph);
    for (int i = 0; i < graph.n_op; i++)
        size->macs += graph.op[i]->prepare ? 0 : vit_op_cost(graph.op[i]).macs;
    vit_graph_close(&graph);
    return VIT_OK;
}

double vit_prune_share(const struct vit_prune *p, const struct vit_prune_size *size)
{
    return p->plan.resource == VIT_PRUNE_PARAMS ? (double)size->params / (double)p->whole_size.params
                                                : (double)size->macs / (double)p->whole_size.macs;
}

static int judge(struct vit_prune *p, struct vit_instance *net, const struct vit_graph *graph)
{
    int status = graph ? vit_weights_copy(&net->graph, graph) : VIT_OK;
    vit_exec_prepare(&net->exec);
    if (status == VIT_OK)
        status = vit_evaluate(&p->evaluation, &net->exec, p->loader);
    if (status == VIT_OK && p->evaluation.images == 0)
        status = vit_fail(VIT_EIO, "--val %s: none of its images can be read", p->options->val);
    return status;
}

int vit_prune_evaluate(struct vit_prune *p, const struct vit_prune_network *network, struct vit_prune_quality *quality)
{
    static struct vit_instance net; /* large */
    *quality = (struct vit_prune_quality){NAN, NAN};
    if (!p->loader)
        return VIT_OK;
    int status = vit_instance_open_model(
        &net, network->model,
        &(struct vit_instance_options){.model = {.batch = VIT_PRUNE_JUDGE_BATCH, .graph = "folded"},
                                       .threads = p->options->threads,
                                       .weights = network->file,
                                       .seed = p->options->seed});
    if (status != VIT_OK)
        return status;
    status = judge(p, &net, network->graph);
    vit_instance_close(&net);
    if (status == VIT_OK)
        *quality = (struct vit_prune_quality){p->evaluation.loss / (double)p->evaluation.images,
                                              100 * (double)p->evaluation.first / (double)p->evaluation.images};
    return status;
}

int vit_prune_time(const struct vit_options *o, const struct vit_model_def *whole, const struct vit_model_def *pruned,
                   struct vit_summary *speedup)
{
    static struct vit_instance a, b; /* large */
    struct vit_protocol protocol = *vit_protocol_find("quick");
    struct vit_instance_options options = {
        .model = {.batch = o->batch, .graph = "folded"}, .threads = o->threads, .seed = o->seed};
    struct vit_pairs pairs;
    int status = vit_instance_open_model(&a, whole, &options);
    if (status != VIT_OK)
        return status;
    protocol.min_time_s = o->min_time_s >= 0 ? o->min_time_s : protocol.min_time_s;
    protocol.warmup_s = o->warmup_s >= 0 ? o->warmup_s : protocol.warmup_s;
    protocol.repeat = o->repeat ? o->repeat : protocol.repeat;
    status = vit_instance_open_model(&b, pruned, &options);
    if (status == VIT_OK) {
        status = vit_runner_compare(&pairs, &a, &b, &protocol);
        if (status == VIT_OK)
            *speedup = pairs.speed;
        vit_instance_close(&b);
    }
    vit_instance_close(&a);
    return status;
}

int vit_prune_blocks(const struct vit_model_config *config)
{
    return vit_layout_blocks_before(config, config->stages);
}

struct vit_prune_widths vit_prune_block_widths(const struct vit_model_config *config, int block)
{
    const int layers = vit_layout_layers_per_block(config);
    int stage = 0, ffns = 0;
    while (vit_layout_blocks_before(config, stage + 1) <= block)
        stage++;
    const struct vit_block_place place = {.stage = stage, .block = block, .width = config->embed_dim[stage]};
    struct vit_prune_widths w = {.stage = stage, .embed = place.width};
    double hidden = 0;
    for (int i = 0; i < layers; i++) {
        if (!vit_layout_is_attention(config, block * layers + i)) {
            hidden += (double)vit_layout_hidden(config, place, ffns++);
            continue;
        }
        const struct vit_head_widths head = vit_layout_heads(config, place);
        w.heads = head.heads;
        w.qk = (int64_t)head.heads * head.qk;
        w.v = (int64_t)head.heads * head.v;
    }
    w.ffn = ffns ? hidden / ffns : 0;
    return w;
}
