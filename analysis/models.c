/* SPDX-License-Identifier: MIT */
/* models.c - `vitscope models`: what there is, counted from the graphs. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "model/base/status.h"
#include "model/plan.h"
#include "model/zoo/model.h"

static const struct vit_column columns[] = {
    {"model", VIT_TEXT, "", "name"},
    {"family", VIT_TEXT, "", "efficientvit, deit, swin"},
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
};

static const struct vit_schema schema = {"models", 1, sizeof columns / sizeof columns[0], columns};

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
        return vit_fail_in(status, "%s", model->name);
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
        struct vit_cell row[] = {vit_text(model->name),
                                 vit_text(model->family->name),
                                 vit_int(graph.input->dim[2]),
                                 vit_int(depth),
                                 vit_text(heads),
                                 vit_text(width),
                                 vit_int(vit_graph_parameters(&graph)),
                                 vit_int(params_folded),
                                 vit_int(cost.macs),
                                 vit_int(cost.flops),
                                 vit_int(plan.n_step),
                                 vit_int((int64_t)plan.unshared_bytes),
                                 vit_int((int64_t)plan.peak_live_bytes),
                                 vit_text(model->timm)};
        status = vit_sink_write(sink, row);
        vit_plan_close(&plan);
    }
    vit_graph_close(&graph);
    return status;
}

static int run(const struct vit_options *options)
{
    struct vit_sink sink;
    int status = vit_output_open(&sink, options, &schema, NULL), rows = 0;
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++) {
        const struct vit_model_def *model = vit_model_find(options->argument[i]);
        status = model ? write_row(&sink, model, options) : VIT_EINVAL;
    }
    for (int i = 0; options->n_argument == 0 && i < vit_n_models && status == VIT_OK; i++) {
        struct vit_graph graph; /* models that do not take this size are left out */
        int built = vit_model_build(&graph, &vit_models[i], (struct vit_model_options){.img = options->img});
        if (built == VIT_EINVAL)
            continue;
        if (built == VIT_OK)
            vit_graph_close(&graph);
        status = built == VIT_OK ? write_row(&sink, &vit_models[i], options) : built;
        rows += status == VIT_OK;
    }
    if (status == VIT_OK && options->n_argument == 0 && rows == 0)
        status = vit_fail(VIT_EINVAL, "--img %d: no model takes this size; all take 224", options->img);
    if (status != VIT_OK) {
        vit_sink_abort(&sink);
        return status;
    }
    return vit_sink_close(&sink);
}

const struct vit_command vit_command_models = {
    .name = "models",
    .arguments = "[MODEL...]",
    .summary = "list the models with parameters, MACs, FLOPs and memory",
    .detail = "Counts are those of one image. MACs count convolutions, linears and attention products, as the papers'\n"
              "\"FLOPs\" do; FLOPs are 2 x MACs plus all other arithmetic.\n\n"
              "  vitscope models\n"
              "  vitscope models swin_tiny --img 384\n"
              "  vitscope models --format csv > models.csv\n",
    .takes = "img classes format",
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
