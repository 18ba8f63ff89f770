/* SPDX-License-Identifier: MIT */
#include "model/train/initialize.h"

#include "model/base/rng.h"
#include "model/base/status.h"
#include "model/weights/generate.h"
#include "model/weights/weights.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name), part = strlen(ending);
    return length >= part && strcmp(name + length - part, ending) == 0;
}

static int64_t receptive_field(const struct vit_tensor *weight)
{
    int64_t n = 1;
    for (int i = 2; i < weight->ndim; i++)
        n *= weight->dim[i];
    return n;
}

/* A bias has the fan of its weight: NAME.bias that of NAME.weight. */
static const struct vit_tensor *weight_of(const struct vit_graph *graph, const struct vit_tensor *tensor)
{
    if (tensor->ndim > 1)
        return tensor;
    if (!ends_with(tensor->name, ".bias"))
        return NULL;
    const size_t stem = strlen(tensor->name) - strlen("bias");
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *t = graph->tensor[i];
        if (vit_is_weight(t) && t->ndim > 1 && strncmp(t->name, tensor->name, stem) == 0 &&
            strcmp(t->name + stem, "weight") == 0)
            return t;
    }
    return NULL;
}

static void fill(const struct vit_tensor *tensor, vit_real value)
{
    for (int64_t i = 0; i < vit_numel(tensor); i++)
        tensor->data[i] = value;
}

static void fill_normal(const struct vit_tensor *tensor, struct vit_rng *rng, double deviation)
{
    for (int64_t i = 0; i < vit_numel(tensor); i++) {
        double value;
        do
            value = deviation * vit_rng_normal(rng);
        while (fabs(value) > 2);
        tensor->data[i] = (vit_real)(float)value; /* the double build begins with the same net */
    }
}

static void fill_uniform(const struct vit_tensor *tensor, struct vit_rng *rng, double bound)
{
    for (int64_t i = 0; i < vit_numel(tensor); i++)
        tensor->data[i] = (vit_real)(float)(bound * (2 * vit_rng_uniform(rng) - 1));
}

static int initialize(const struct vit_graph *graph, const struct vit_tensor *tensor, const struct vit_initial *row,
                      uint64_t seed)
{
    struct vit_rng rng = vit_rng_at(seed, VIT_RNG_WEIGHTS, vit_generate_key(tensor->name));
    if (row->kind == VIT_INITIAL_CONSTANT) {
        fill(tensor, (vit_real)row->value);
        return VIT_OK;
    }
    if (row->kind == VIT_INITIAL_NORMAL) {
        fill_normal(tensor, &rng, row->value);
        return VIT_OK;
    }
    const struct vit_tensor *weight = weight_of(graph, tensor);
    if (!weight)
        return vit_fail(VIT_EINVAL, "%s: no weight of the same module, whose inputs decide how it begins",
                        tensor->name);
    const double field = (double)receptive_field(weight);
    if (row->kind == VIT_INITIAL_FAN_IN)
        fill_uniform(tensor, &rng, 1 / sqrt((double)weight->dim[1] * field));
    else
        fill_normal(tensor, &rng, sqrt(2 / ((double)weight->dim[0] * field)));
    return VIT_OK;
}

int vit_weights_initialize(struct vit_graph *graph, const struct vit_model_family *family, uint64_t seed)
{
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *tensor = graph->tensor[i];
        if (!vit_is_weight(tensor))
            continue;
        if (tensor->space == VIT_SPACE_BUFFER) {
            fill(tensor, ends_with(tensor->name, "running_var"));
            continue;
        }
        const struct vit_initial *row = family->initial;
        while (row && row->name && fnmatch(row->name, tensor->name, 0) != 0)
            row++;
        if (!row || !row->name)
            return vit_fail(VIT_EINVAL, "%s: family %s does not say how this parameter begins", tensor->name,
                            family->name);
        int status = initialize(graph, tensor, row, seed);
        if (status != VIT_OK)
            return status;
    }
    return VIT_OK;
}
