/* SPDX-License-Identifier: MIT */
/* weights_save.c - a graph's weights from the generator, and into a file. */
#include "model/base/status.h"
#include "model/weights/generate.h"
#include "model/weights/weights.h"

#include <assert.h>
#include <stdlib.h>

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

int vit_weights_save(const struct vit_graph *graph, const char *path, const struct vit_weights_metadata *metadata)
{
    struct vit_safetensors_source *source = calloc((size_t)graph->n_tensor + 1, sizeof *source);
    if (!source)
        return vit_fail(VIT_ENOMEM, "%s: out of memory for %d tensors", path, graph->n_tensor);
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
    if (metadata) {
        content.metadata = metadata->pair;
        content.n_metadata = metadata->n;
    }
    int status = vit_safetensors_write(path, &content);
    free(source);
    return status;
}
