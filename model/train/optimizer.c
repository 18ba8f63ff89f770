/* SPDX-License-Identifier: MIT */
/* optimizer.c - what the kinds share: their table, which parameters decay, memory, and a step shared out by pieces. */
#include "model/train/optimizer.h"

#include "model/base/memory_block.h"
#include "model/base/parallel.h"
#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIT_OPTIMIZER(name) extern const struct vit_optimizer_def vit_optimizer_##name;
#include "model/train/optimizers.def"
#undef VIT_OPTIMIZER

const struct vit_optimizer_def *const vit_optimizers[] = {
#define VIT_OPTIMIZER(name) &vit_optimizer_##name,
#include "model/train/optimizers.def"
#undef VIT_OPTIMIZER
    NULL};

const struct vit_optimizer_def *vit_optimizer_find(const char *name)
{
    char names[128] = "";
    for (int i = 0; vit_optimizers[i]; i++) {
        if (strcmp(vit_optimizers[i]->name, name) == 0)
            return vit_optimizers[i];
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", vit_optimizers[i]->name);
    }
    vit_fail(VIT_EINVAL, "optimizer \"%s\" is unknown; there are %s", name, names);
    return NULL;
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name), part = strlen(ending);
    return length >= part && strcmp(name + length - part, ending) == 0;
}

bool vit_optimizer_decays(const struct vit_tensor *parameter)
{
    static const char *const exempt[] = {".bias",     "cls_token",        "dist_token",
                                         "pos_embed", "attention_biases", "relative_position_bias_table"};
    for (size_t i = 0; i < sizeof exempt / sizeof exempt[0]; i++)
        if (ends_with(parameter->name, exempt[i]))
            return false;
    return parameter->ndim > 1;
}

static int check(const struct vit_optimizer_def *def, const struct vit_optimizer_options *options)
{
    if (!(options->weight_decay >= 0 && options->weight_decay < 1e6))
        return vit_fail(VIT_EINVAL, "weight decay %g must be 0 or more", options->weight_decay);
    return def->check(options);
}

static int allocate(struct vit_optimizer *optimizer)
{
    const struct vit_tensor_pieces *parameters = &optimizer->parameters;
    const size_t bytes = (size_t)parameters->elements * sizeof(vit_real), n = (size_t)parameters->n + 1;
    optimizer->lr_scale = calloc(n, sizeof *optimizer->lr_scale);
    optimizer->weight_decay = calloc(n, sizeof *optimizer->weight_decay);
    if (!optimizer->lr_scale || !optimizer->weight_decay)
        return vit_fail(VIT_ENOMEM, "out of memory: optimizer of %d parameters", parameters->n);
    for (int i = 0; i < VIT_OPTIMIZER_STATES && optimizer->def->state[i]; i++) {
        void *memory;
        int status = vit_memory_block(&memory, bytes, "optimizer state");
        if (status != VIT_OK)
            return status;
        optimizer->state[i] = memory;
        memset(memory, 0, bytes);
    }
    return VIT_OK;
}

int vit_optimizer_open(struct vit_optimizer *optimizer, const struct vit_exec *exec,
                       const struct vit_optimizer_def *def, const struct vit_optimizer_options *options)
{
    *optimizer = (struct vit_optimizer){.def = def, .options = *options, .exec = exec};
    int status = check(def, options);
    if (status == VIT_OK)
        status = vit_tensor_pieces_open(&optimizer->parameters, exec->plan->graph, vit_is_learned);
    if (status == VIT_OK && optimizer->parameters.n == 0)
        status = vit_fail(VIT_EINVAL, "%s: no parameter has a gradient", exec->plan->graph->name);
    if (status == VIT_OK)
        status = allocate(optimizer);
    if (status != VIT_OK) {
        vit_optimizer_close(optimizer);
        return status;
    }
    for (int i = 0; i < optimizer->parameters.n; i++) {
        const bool decays = options->decay == VIT_DECAY_ALL || vit_optimizer_decays(optimizer->parameters.tensor[i]);
        optimizer->lr_scale[i] = 1;
        optimizer->weight_decay[i] = decays ? options->weight_decay : 0;
    }
    return VIT_OK;
}

void vit_optimizer_close(struct vit_optimizer *optimizer)
{
    vit_tensor_pieces_close(&optimizer->parameters);
    free(optimizer->lr_scale);
    free(optimizer->weight_decay);
    for (int i = 0; i < VIT_OPTIMIZER_STATES; i++)
        free(optimizer->state[i]);
    *optimizer = (struct vit_optimizer){0};
}

static void update_piece(void *context, int64_t index, int worker)
{
    const struct vit_optimizer *optimizer = context;
    const struct vit_tensor_piece *p = &optimizer->parameters.piece[index];
    const struct vit_tensor *tensor = optimizer->parameters.tensor[p->tensor];
    const double scale = optimizer->lr_scale[p->tensor];
    (void)worker;
    if (scale == 0)
        return;
    struct vit_optimizer_piece piece = {.parameter = tensor->data + p->start,
                                        .gradient = tensor->grad->data + p->start,
                                        .n = p->count,
                                        .lr = optimizer->lr * scale,
                                        .weight_decay = optimizer->weight_decay[p->tensor]};
    for (int i = 0; i < VIT_OPTIMIZER_STATES && optimizer->state[i]; i++)
        piece.state[i] = optimizer->state[i] + optimizer->parameters.place[p->tensor] + p->start;
    optimizer->def->update(optimizer, &piece);
}

void vit_optimizer_step(struct vit_optimizer *optimizer, double lr)
{
    optimizer->steps++;
    optimizer->lr = lr;
    vit_parallel_for(optimizer->exec->pool, optimizer->parameters.n_piece, update_piece, optimizer);
}

int vit_optimizer_scale(struct vit_optimizer *optimizer, const char *beginning, double scale)
{
    int n = 0;
    for (int i = 0; i < optimizer->parameters.n; i++)
        if (strncmp(optimizer->parameters.tensor[i]->name, beginning, strlen(beginning)) == 0) {
            optimizer->lr_scale[i] *= scale;
            n++;
        }
    return n;
}
