/* SPDX-License-Identifier: MIT */
#include "model/zoo/model.h"

#include "model/base/status.h"
#include "model/rewrite.h"

#include <stdio.h>
#include <string.h>

extern const struct vit_model_family vit_family_efficientvit, vit_family_deit, vit_family_swin;

const struct vit_model_def vit_models[] = {
#define VIT_MODEL(model_name, family_name, timm_name, crop, ...) \
    {.name = #model_name,                                        \
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
                                                            &vit_family_swin};
    for (size_t i = 0; i < sizeof family / sizeof family[0]; i++)
        if (strcmp(family[i]->name, name) == 0)
            return family[i];
    vit_fail(VIT_EINVAL, "family \"%s\" is unknown; there are efficientvit, deit, swin", name);
    return NULL;
}

/* Numbers that no network can have. */
static int check_stages(const struct vit_model_def *model, const struct vit_model_config *c)
{
    if (c->stages < 1 || c->stages > VIT_MAX_STAGES || c->patch < 1 || c->ffn_ratio < 1)
        return vit_fail(VIT_EINVAL, "%s: %d stages (1 to %d), patch %d, ffn_ratio %d (at least 1)", model->name,
                        c->stages, VIT_MAX_STAGES, c->patch, c->ffn_ratio);
    for (int i = 0; i < c->stages; i++) {
        if (c->embed_dim[i] < 1 || c->depth[i] < 0 || c->depth[i] > 1000 || c->heads[i] < 1 ||
            c->embed_dim[i] % c->heads[i])
            return vit_fail(VIT_EINVAL, "%s: stage %d: width %d, depth %d, heads %d: heads must divide the width",
                            model->name, i, c->embed_dim[i], c->depth[i], c->heads[i]);
        if (c->key_dim && c->heads[i] > VIT_MAX_HEADS_KERNELS)
            return vit_fail(VIT_EINVAL, "%s: stage %d: %d heads in a cascade, at most %d", model->name, i, c->heads[i],
                            VIT_MAX_HEADS_KERNELS);
        for (int h = 0; c->key_dim && h < c->heads[i]; h++)
            if (c->kernels[h] < 1 || c->kernels[h] % 2 == 0)
                return vit_fail(VIT_EINVAL, "%s: kernel %d of head %d must be odd", model->name, c->kernels[h], h);
    }
    return VIT_OK;
}

static int check(const struct vit_model_def *model, const struct vit_model_config *c, int batch)
{
    int status = check_stages(model, c);
    if (status != VIT_OK)
        return status;
    if (batch < 1)
        return vit_fail(VIT_EINVAL, "batch %d: must be at least 1", batch);
    if (c->classes < 1)
        return vit_fail(VIT_EINVAL, "classes %d: must be at least 1", c->classes);
    if (c->img < c->patch || c->img % c->patch)
        return vit_fail(VIT_EINVAL, "img %d: %s takes multiples of its patch, %d pixels", c->img, model->name,
                        c->patch);
    /* One dimension of an operator is passed to BLAS as int; a map of this size stays far below. */
    enum { LARGEST_IMG = 4096 };
    if (c->img > LARGEST_IMG)
        return vit_fail(VIT_EINVAL, "img %d: the largest is %d", c->img, LARGEST_IMG);
    return VIT_OK;
}

int vit_model_build(struct vit_graph *graph, const struct vit_model_def *model, struct vit_model_options options)
{
    struct vit_model_config config = model->config;
    int batch = options.batch ? options.batch : 1;
    if (options.img)
        config.img = options.img;
    if (options.classes)
        config.classes = options.classes;
    *graph = (struct vit_graph){.name = model->name, .batch = batch};
    int status = check(model, &config, batch);
    if (status != VIT_OK)
        return status;
    graph->input = vit_graph_tensor(graph, "input", VIT_SPACE_INPUT, 4, (int64_t[]){batch, 3, config.img, config.img});
    status = graph->status == VIT_OK ? model->family->build(graph, &config) : graph->status;
    if (status == VIT_OK)
        status = vit_graph_rewrite(graph, options.graph ? options.graph : "eager");
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
