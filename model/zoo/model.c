/* SPDX-License-Identifier: MIT */
#include "model/zoo/model.h"

#include "model/base/status.h"
#include "model/rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct vit_model_family vit_family_efficientvit, vit_family_deit, vit_family_swin, vit_family_mobilenet;

const struct vit_model_def vit_models[] = {
#define VIT_MODEL(model_name, family_name, timm_name, crop, ...) \
    {.name = #model_name,                                        \
     .variant = #model_name,                                     \
     .family = &vit_family_##family_name,                        \
     .timm = (timm_name),                                        \
     .crop_percentage = (crop),                                  \
     .config = {__VA_ARGS__}},
#include "model/zoo/models.def"
#undef VIT_MODEL
};
const int vit_n_models = (int)(sizeof vit_models / sizeof vit_models[0]);

const struct vit_model_def *vit_model_find(const char *name)
{
    for (int i = 0; i < vit_n_models; i++)
        if (strcmp(vit_models[i].name, name) == 0)
            return &vit_models[i];
    char list[1024];
    size_t used = 0;
    list[0] = '\0';
    for (int i = 0; i < vit_n_models && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", vit_models[i].name);
    vit_fail(VIT_EINVAL, "model \"%s\" is unknown; there are %s", name, list);
    return NULL;
}

const struct vit_model_family *vit_model_family_find(const char *name)
{
    static const struct vit_model_family *const family[] = {&vit_family_efficientvit, &vit_family_deit,
                                                            &vit_family_swin, &vit_family_mobilenet};
    for (size_t i = 0; i < sizeof family / sizeof family[0]; i++)
        if (strcmp(family[i]->name, name) == 0)
            return family[i];
    vit_fail(VIT_EINVAL, "family \"%s\" is unknown; there are efficientvit, deit, swin, mobilenet", name);
    return NULL;
}

static int check(const struct vit_model_def *model, const struct vit_model_config *c, int batch)
{
    if (batch < 1)
        return vit_fail(VIT_EINVAL, "batch %d: must be at least 1", batch);
    if (c->classes < 1)
        return vit_fail(VIT_EINVAL, "classes %d: must be at least 1", c->classes);
    if (c->patch > 0 && (c->img < c->patch || c->img % c->patch))
        return vit_fail(VIT_EINVAL, "img %d: %s takes multiples of its patch, %d pixels", c->img, model->name,
                        c->patch);
    /* One dimension of an operator is passed to BLAS as int; a map of this size stays far below. */
    enum { LARGEST_IMG = 4096 };
    if (c->img > LARGEST_IMG)
        return vit_fail(VIT_EINVAL, "img %d: the largest is %d", c->img, LARGEST_IMG);
    int status = vit_config_check(c, model->family->name);
    return status == VIT_OK ? VIT_OK : vit_fail_in(status, "%s", model->name);
}

/* What a file of weights says about the network. */
static int describe(struct vit_graph *graph, const struct vit_model_def *model, const struct vit_model_config *config)
{
    char *text = vit_config_text(config, model->family->name);
    graph->config = text ? vit_graph_name(graph, "%s", text) : NULL;
    free(text);
    graph->variant = model->variant;
    graph->family = model->family->name;
    return graph->config ? VIT_OK : VIT_ENOMEM;
}

int vit_model_build(struct vit_graph *graph, const struct vit_model_def *model, struct vit_model_options options)
{
    struct vit_model_config config = model->config;
    int batch = options.batch ? options.batch : 1;
    if (options.img)
        config.img = options.img;
    if (options.classes)
        config.classes = options.classes;
    const char *variant = options.graph ? options.graph : "eager";
    *graph = (struct vit_graph){.name = model->name, .batch = batch, .training = strcmp(variant, "train") == 0};
    int status = check(model, &config, batch);
    if (status != VIT_OK)
        return status;
    graph->status = describe(graph, model, &config);
    graph->input = vit_graph_tensor(graph, "input", VIT_SPACE_INPUT, 4, (int64_t[]){batch, 3, config.img, config.img});
    status = graph->status == VIT_OK ? model->family->build(graph, &config) : graph->status;
    if (status == VIT_OK)
        status = vit_graph_rewrite(graph, variant);
    if (status != VIT_OK)
        vit_graph_close(graph);
    return status;
}

/* Adds each weight once: mark[id] remembers. */
static int64_t count(const struct vit_tensor *tensor, bool *mark)
{
    const struct vit_tensor *owner = vit_owner(tensor);
    bool counted = mark[owner->id];
    mark[owner->id] = true;
    return counted ? 0 : vit_numel(owner);
}

int64_t vit_graph_parameters(struct vit_graph *graph)
{
    bool *mark = vit_arena_alloc(&graph->arena, (size_t)graph->n_tensor, sizeof *mark);
    int64_t sum = 0;
    for (int i = 0; mark && i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        if (op->kind == VIT_OP_fold_batch_norm) /* its outputs are the parameters of the folded network */
            continue;
        for (int k = 0; k < op->n_in; k++) {
            enum vit_space space = vit_owner(op->in[k])->space;
            bool folded =
                space == VIT_SPACE_DERIVED && vit_graph_producer(graph, op->in[k])->kind == VIT_OP_fold_batch_norm;
            if (space == VIT_SPACE_PARAM || folded)
                sum += count(op->in[k], mark);
        }
    }
    return sum;
}
