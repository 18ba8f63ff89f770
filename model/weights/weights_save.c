/* SPDX-License-Identifier: MIT */
/* weights_save.c - a graph's weights from the generator, and into a file. */
#include "model/base/status.h"
#include "model/weights/generate.h"
#include "model/weights/weights.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int vit_weights_generate(struct vit_graph *graph, uint64_t seed)
{
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *tensor = graph->tensor[i];
        if (!vit_is_weight(tensor))
            continue;
        if (!tensor->data)
            return vit_fail(VIT_EINVAL, "tensor %s has no memory yet", tensor->name);
        vit_generate_tensor(tensor, seed, tensor->data);
    }
    return VIT_OK;
}

static bool has_key(const struct vit_weights_metadata *metadata, const char *key)
{
    for (int i = 0; metadata && i < metadata->n; i++)
        if (strcmp(metadata->pair[i].key, key) == 0)
            return true;
    return false;
}

enum { N_OWN = 3 };

/* What the caller says, and what the graph knows of its network where the caller says nothing of it. */
static int describe(const struct vit_graph *graph, const struct vit_weights_metadata *metadata,
                    struct vit_safetensors_pair *pair)
{
    const struct vit_safetensors_pair own[N_OWN] = {
        {"vitscope.model", graph->variant}, {"vitscope.family", graph->family}, {"vitscope.config", graph->config}};
    int n = 0;
    for (; metadata && n < metadata->n; n++)
        pair[n] = metadata->pair[n];
    for (int i = 0; i < N_OWN; i++)
        if (own[i].value && !has_key(metadata, own[i].key))
            pair[n++] = own[i];
    return n;
}

int vit_weights_save(const struct vit_graph *graph, const char *path, const struct vit_weights_metadata *metadata)
{
    struct vit_safetensors_source *source = calloc((size_t)graph->n_tensor + 1, sizeof *source);
    struct vit_safetensors_pair *pair = calloc((size_t)(metadata ? metadata->n : 0) + N_OWN, sizeof *pair);
    if (!source || !pair) {
        free(source);
        free(pair);
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d tensors", path, graph->n_tensor);
    }
    struct vit_safetensors_content content = {.tensor = source};
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *tensor = graph->tensor[i];
        if (!vit_is_weight(tensor))
            continue;
        assert(tensor->data);
        source[content.n_tensor++] = (struct vit_safetensors_source){.name = tensor->name,
                                                                     .dtype = VIT_DTYPE_REAL,
                                                                     .ndim = tensor->ndim,
                                                                     .dim = tensor->dim,
                                                                     .values = tensor->data};
    }
    content.metadata = pair;
    content.n_metadata = describe(graph, metadata, pair);
    int status = vit_safetensors_write(path, &content);
    free(source);
    free(pair);
    return status;
}
