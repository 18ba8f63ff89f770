/* SPDX-License-Identifier: MIT */
/* prune_reallocate.c - the paper's parameter reallocation by scores: the proportions that pruning found, at the budget
 * of the network as it was designed; and whether they learn better. */
#include "analysis/prune.h"
#include "analysis/proxy_training.h"
#include "model/base/status.h"
#include "model/zoo/block_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int widened(double factor, int64_t width)
{
    const long long w = llround(factor * (double)width);
    return w < 1 ? 1 : (int)w;
}

/* Every width of attention and FFNs by the factor; heads and embedding stay. */
static void widen(struct vit_model_config *config, const struct vit_model_config *from, double factor)
{
    *config = *from;
    const int layers = vit_layout_layers_per_block(from);
    for (int stage = 0; stage < from->stages; stage++)
        for (int i = 0; i < from->depth[stage]; i++) {
            const int block = vit_layout_blocks_before(from, stage) + i;
            const struct vit_block_place place = {.stage = stage, .block = block, .width = from->embed_dim[stage]};
            struct vit_block_widths *own = &config->width[block];
            *own = (struct vit_block_widths){0}; /* one width that was told alone stands for more FFNs than there are */
            for (int l = 0, ffn = 0; l < layers; l++) {
                if (!vit_layout_is_attention(from, block * layers + l)) {
                    own->ffn_dim[ffn] = widened(factor, vit_layout_hidden(from, place, ffn));
                    ffn++;
                    continue;
                }
                const struct vit_head_widths head = vit_layout_heads(from, place);
                own->heads = head.heads;
                own->qk_dim = widened(factor, head.qk);
                own->v_dim = widened(factor, head.v);
            }
        }
}

/* EfficientViT: the FFNs around its merges too. */
static void widen_merges(struct vit_model_config *config, const struct vit_model_config *from, double factor)
{
    for (int stage = 1; stage < from->stages; stage++)
        for (int side = 0; side < 2; side++)
            config->merge_ffn_dim[stage][side] =
                widened(factor, vit_layout_merge_hidden(from, stage, side, from->embed_dim[stage - 1 + side]));
}

static int try_factor(struct vit_model_choice *grown, const struct vit_model_def *pruned, double factor,
                      struct vit_prune_size *size)
{
    widen(&grown->model.config, &pruned->config, factor);
    if (strcmp(pruned->family->name, "efficientvit") == 0)
        widen_merges(&grown->model.config, &pruned->config, factor);
    return vit_prune_measure_size(&grown->model, size);
}

int vit_prune_reallocate(struct vit_model_choice *grown, const struct vit_model_def *whole,
                         const struct vit_model_def *pruned, enum vit_prune_resource resource)
{
    enum { HALVINGS = 30 };
    double low = 1, high = 64; /* what is left may be little */
    struct vit_prune_size budget, size;
    grown->model = *pruned;
    int status = vit_prune_measure_size(whole, &budget);
    for (int i = 0; i < HALVINGS && status == VIT_OK; i++) {
        const double middle = (low + high) / 2;
        status = try_factor(grown, pruned, middle, &size);
        const bool fits = resource == VIT_PRUNE_PARAMS ? size.params <= budget.params : size.macs <= budget.macs;
        *(fits ? &low : &high) = middle;
    }
    if (status == VIT_OK)
        status = try_factor(grown, pruned, low, &size);
    return status == VIT_OK ? vit_model_change(grown, NULL) : status;
}

static const struct vit_column columns[] = {
    {"network", VIT_TEXT, "", "uniform: as designed; reallocated: widths in the proportions that scores gave"},
    {"params", VIT_INT, "", "parameters of the eager graph"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates of one image"},
    {"epochs", VIT_INT, "", "that both learned; empty: as the recipe has it"},
    {"seed", VIT_INT, "", "of both trainings"},
    {"loss", VIT_REAL, "", "cross entropy on the images of --val"},
    {"top1_pct", VIT_REAL, "%", "share of them whose label is the likeliest class"},
    {"settings", VIT_TEXT, "", "of the network"},
};
static const struct vit_schema schema = {"reallocation", 1, sizeof columns / sizeof columns[0], columns};

static int put(struct vit_prune *p, struct vit_sink *sink, const char *name, const struct vit_model_choice *model)
{
    char folder[4200], file[4300];
    struct vit_prune_size size;
    struct vit_prune_quality quality = {NAN, NAN};
    char *settings = vit_config_text(&model->model.config, model->model.family->name);
    snprintf(folder, sizeof folder, "%s/%s", p->folder, name);
    snprintf(file, sizeof file, "%s/final.safetensors", folder);
    int status = settings ? vit_prune_measure_size(&model->model, &size) : VIT_ENOMEM;
    if (status == VIT_OK)
        status = vit_proxy_training_learn(&(struct vit_proxy_training){.options = p->options,
                                                                       .model = model->model.variant,
                                                                       .set = settings,
                                                                       .img = p->whole.model.config.img,
                                                                       .folder = folder});
    if (status == VIT_OK)
        status = vit_prune_evaluate(p, &(struct vit_prune_network){.model = &model->model, .file = file}, &quality);
    if (status == VIT_OK) {
        const bool tested = !isnan(quality.loss);
        const struct vit_cell row[] = {vit_text(name),
                                       vit_int(size.params),
                                       vit_int(size.macs),
                                       p->options->epochs ? vit_int(p->options->epochs) : vit_absent(),
                                       vit_int((int64_t)p->options->seed),
                                       tested ? vit_real_cell(quality.loss) : vit_absent(),
                                       tested ? vit_real_cell(quality.top1_pct) : vit_absent(),
                                       vit_text(settings)};
        status = vit_sink_write(sink, row);
    }
    free(settings);
    return status;
}

int vit_prune_compare(struct vit_prune *p)
{
    static struct vit_model_choice grown; /* must not be moved */
    char path[4200];
    struct vit_sink sink;
    snprintf(path, sizeof path, "%s/reallocation.csv", p->folder);
    int status = vit_prune_reallocate(&grown, &p->whole.model, &p->now.model, p->plan.resource);
    if (status == VIT_OK)
        status = vit_sink_open_csv(&sink, &schema, path);
    if (status != VIT_OK)
        return status;
    status = put(p, &sink, "uniform", &p->whole);
    if (status == VIT_OK)
        status = put(p, &sink, "reallocated", &grown);
    return vit_sink_finish(&sink, status);
}
