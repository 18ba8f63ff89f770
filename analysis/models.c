/* SPDX-License-Identifier: MIT */
/* models.c - `vitscope models`: what there is, counted from the graphs. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/recognise.h"
#include "model/base/status.h"
#include "model/train/loss.h"
#include "model/plan.h"
#include "model/zoo/model.h"

#include <string.h>

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "name"},
    {"family", VIT_TEXT, "", "efficientvit, deit, swin, mobilenet"},
    {"image_size", VIT_INT, "", "side of the input in pixels"},
    {"depth", VIT_INT, "", "attention blocks"},
    {"heads", VIT_TEXT, "", "attention heads by stage"},
    {"width", VIT_TEXT, "", "embedding width by stage"},
    {"params", VIT_INT, "count", "learned numbers"},
    {"params_folded", VIT_INT, "count", "learned numbers after batch norm folding"},
    {"macs", VIT_INT, "MAC", "multiply-accumulates of one image: convolutions, linears, attention products"},
    {"flops", VIT_INT, "FLOP", "2 * macs and all other arithmetic of the eager graph, one image"},
    {"operators", VIT_INT, "", "operators of the eager graph"},
    {"activation_bytes", VIT_INT, "B", "all results of operators of one image, eager graph"},
    {"peak_live_bytes", VIT_INT, "B", "largest sum of results alive at once, one image, eager graph"},
    {"weights", VIT_TEXT, "", "timm's published weights"},
    /* with --train: */
    {"train_batch", VIT_INT, "", "images of the training step that the following columns are of"},
    {"train_kept_bytes", VIT_INT, "B", "activations that wait for the way back when the forward ends"},
    {"train_activation_bytes", VIT_INT, "B", "arena of activations and their gradients"},
    {"recompute_kept_bytes", VIT_INT, "B", "as train_kept_bytes with --recompute; empty without"},
    {"recompute_activation_bytes", VIT_INT, "B", "as train_activation_bytes with --recompute; empty without"},
    {"train_parameter_bytes", VIT_INT, "B", "parameters, their gradients and AdamW's two moments"},
};

enum { N_COLUMNS = sizeof columns / sizeof columns[0], N_TRAIN = 6 };
static const struct vit_schema schema = {"models", 1, N_COLUMNS - N_TRAIN, columns},
                               train_schema = {"models", 1, N_COLUMNS, columns};

enum { TRAIN_BATCH = 32 };

/* Plans a training step: what is kept, the arena, and what belongs to the parameters. */
static int plan_training(struct vit_cell bytes[3], const struct vit_model_def *model, struct vit_model_options options,
                         const char *recompute)
{
    struct vit_graph graph;
    struct vit_plan plan;
    int status = vit_model_build(&graph, model, options);
    if (status != VIT_OK)
        return status;
    status = vit_graph_add_loss(&graph, &(struct vit_loss_options){0});
    if (status == VIT_OK)
        status = vit_plan_build(&plan, &graph, (struct vit_plan_options){.backward = true, .recompute = recompute});
    if (status == VIT_OK) {
        bytes[0] = vit_int((int64_t)vit_plan_kept_bytes(&plan));
        bytes[1] = vit_int((int64_t)plan.space_bytes[VIT_SPACE_ACTIVATION]);
        bytes[2] = vit_int((int64_t)(plan.space_bytes[VIT_SPACE_PARAM] + 3 * plan.space_bytes[VIT_SPACE_GRADIENT]));
        vit_plan_close(&plan);
    }
    vit_graph_close(&graph);
    return status;
}

static int fill_training(struct vit_cell cell[N_TRAIN], const struct vit_model_def *model,
                         const struct vit_options *options)
{
    const struct vit_model_options train = {.batch = options->batch ? options->batch : TRAIN_BATCH,
                                            .img = options->img,
                                            .classes = options->classes,
                                            .graph = "train"};
    struct vit_cell kept[3], less[3] = {{0}};
    int status = plan_training(kept, model, train, NULL);
    if (status == VIT_OK && options->recompute)
        status = plan_training(less, model, train, options->recompute);
    const struct vit_cell value[N_TRAIN] = {vit_int(train.batch), kept[0], kept[1], less[0], less[1], kept[2]};
    memcpy(cell, value, sizeof value);
    return status;
}

static void join(char *text, size_t size, const int *value, int n)
{
    size_t used = 0;
    for (int i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? "/" : "", value[i]);
}

static int write_row(struct vit_sink *sink, const struct vit_model_def *model, const struct vit_options *options)
{
    struct vit_model_options eager = {.img = options->img, .classes = options->classes};
    struct vit_model_options folded = eager;
    folded.graph = "folded";
    struct vit_graph graph;
    struct vit_plan plan;
    int status = vit_model_build(&graph, model, folded);
    if (status != VIT_OK)
        return status;
    int64_t params_folded = vit_graph_parameters(&graph);
    vit_graph_close(&graph);
    status = vit_model_build(&graph, model, eager);
    if (status != VIT_OK)
        return status;
    status = vit_plan_build(&plan, &graph, (struct vit_plan_options){0});
    if (status == VIT_OK) {
        char heads[64], width[64];
        int depth = 0;
        for (int i = 0; i < model->config.stages; i++)
            depth += model->config.depth[i];
        join(heads, sizeof heads, model->config.heads, model->config.stages);
        join(width, sizeof width, model->config.embed_dim, model->config.stages);
        struct vit_cost cost = vit_plan_cost(&plan);
        struct vit_cell row[N_COLUMNS] = {vit_text(model->name),
                                          vit_text(model->family->name),
                                          vit_int(graph.input->dim[2]),
                                          depth ? vit_int(depth) : vit_absent(), /* networks without attention */
                                          depth ? vit_text(heads) : vit_absent(),
                                          depth ? vit_text(width) : vit_absent(),
                                          vit_int(vit_graph_parameters(&graph)),
                                          vit_int(params_folded),
                                          vit_int(cost.macs),
                                          vit_int(cost.flops),
                                          vit_int(plan.n_step),
                                          vit_int((int64_t)plan.unshared_bytes),
                                          vit_int((int64_t)plan.peak_live_bytes),
                                          vit_text(model->timm)};
        if (options->train)
            status = fill_training(row + N_COLUMNS - N_TRAIN, model, options);
        if (status == VIT_OK)
            status = vit_sink_write(sink, row);
        vit_plan_close(&plan);
    }
    vit_graph_close(&graph);
    return status;
}

static int run(const struct vit_options *options)
{
    struct vit_sink sink;
    if ((options->batch || options->recompute) && !options->train)
        return vit_fail(VIT_EINVAL, "--%s is for --train: other counts are of one image, of which nothing is kept",
                        options->batch ? "batch" : "recompute");
    if (options->set && options->n_argument == 0)
        return vit_fail(VIT_EINVAL, "--set \"%s\": needs MODEL...", options->set);
    int status = vit_output_open(&sink, options, options->train ? &train_schema : &schema, NULL), models = 0;
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++) {
        struct vit_recognised found;
        status = vit_recognise_model(&found, options->argument[i], NULL, options->set);
        if (status == VIT_OK && vit_shard_has(options->shard, i))
            status = write_row(&sink, found.model, options);
    }
    for (int i = 0; options->n_argument == 0 && i < vit_n_models && status == VIT_OK; i++) {
        struct vit_graph graph; /* models that do not take this size are left out */
        int built = vit_model_build(&graph, &vit_models[i], (struct vit_model_options){.img = options->img});
        if (built == VIT_EINVAL)
            continue;
        if (built == VIT_OK)
            vit_graph_close(&graph);
        status = built;
        if (status == VIT_OK && vit_shard_has(options->shard, models++))
            status = write_row(&sink, &vit_models[i], options);
    }
    return vit_sink_finish(&sink, status);
}

const struct vit_command vit_command_models = {
    .name = "models",
    .arguments = "[MODEL...]",
    .summary = "list the models with parameters, MACs, FLOPs and memory",
    .detail =
        "Counts are those of one image. MACs count convolutions, linears and attention products, as the papers'\n"
        "\"FLOPs\" do; FLOPs are 2 x MACs plus all other arithmetic.\n\n"
        "  vitscope models\n"
        "  vitscope models swin_tiny --img 384\n"
        "  vitscope models efficientvit_m4 \"efficientvit_m4[block=swin]\" \"efficientvit_m4[qk_dim=v]\"\n"
        "  vitscope models --format csv > models.csv\n\n"
        "--train adds the memory of a training step of --batch images (default 32) as it is planned: what is kept for\n"
        "the way back, and the arena, also with --recompute.\n\n"
        "  vitscope models efficientvit_m4 deit_tiny --train --recompute \"gelu layer_norm\"\n",
    .takes = "set train recompute batch img classes shard format",
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
