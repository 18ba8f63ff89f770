/* SPDX-License-Identifier: MIT */
#include "model/graph.h"

#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for one more item; the array itself is on the heap because it grows, what it points to is in the arena. */
static bool grow(struct vit_graph *graph, void *array_pointer, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int larger = *capacity ? *capacity * 2 : 64;
    void *array;
    memcpy(&array, array_pointer, sizeof array);
    void *moved = realloc(array, (size_t)larger * size);
    if (!moved) {
        graph->status = vit_fail(VIT_ENOMEM, "out of memory: graph of more than %d items", count);
        return false;
    }
    memcpy(array_pointer, &moved, sizeof moved);
    *capacity = larger;
    return true; // cppcheck-suppress memleak ; copied into the caller's pointer
}

struct vit_tensor *vit_graph_fail(struct vit_graph *graph, int status)
{
    if (graph->status == VIT_OK)
        graph->status = status;
    return NULL;
}

struct vit_tensor *vit_graph_tensor(struct vit_graph *graph, const char *name, enum vit_space space, int ndim,
                                    const int64_t *dim)
{
    if (graph->status != VIT_OK ||
        !grow(graph, &graph->tensor, graph->n_tensor, &graph->capacity_tensor, sizeof graph->tensor[0]))
        return NULL;
    if (ndim < 0 || ndim > VIT_MAX_DIMS)
        return vit_graph_fail(graph,
                              vit_fail(VIT_EINVAL, "%s: %d dimensions, must be at most %d", name, ndim, VIT_MAX_DIMS));
    struct vit_tensor *tensor = vit_arena_alloc(&graph->arena, 1, sizeof *tensor);
    char *copy = tensor ? vit_graph_name(graph, "%s", name) : NULL;
    if (!copy)
        return vit_graph_fail(graph, VIT_ENOMEM);
    *tensor = (struct vit_tensor){.name = copy, .space = space, .id = graph->n_tensor, .ndim = ndim};
    for (int i = 0; i < ndim; i++) {
        if (dim[i] < 1)
            return vit_graph_fail(graph, vit_fail(VIT_EINVAL, "%s: dimension %d is %lld, must be at least 1", name, i,
                                                  (long long)dim[i]));
        tensor->dim[i] = dim[i];
    }
    graph->tensor[graph->n_tensor++] = tensor;
    return tensor;
}

struct vit_tensor *vit_graph_constant(struct vit_graph *graph, const char *name, int ndim, const int64_t *dim,
                                      vit_real **values)
{
    *values = NULL;
    struct vit_tensor *tensor = vit_graph_tensor(graph, name, VIT_SPACE_CONSTANT, ndim, dim);
    if (!tensor)
        return NULL;
    *values = vit_arena_alloc(&graph->arena, (size_t)vit_numel(tensor), sizeof(vit_real));
    if (!*values)
        return vit_graph_fail(graph, VIT_ENOMEM);
    tensor->constant = *values;
    return tensor;
}

static struct vit_tensor *view(struct vit_graph *graph, struct vit_tensor *base, int ndim, const int64_t *dim)
{
    struct vit_tensor *tensor = vit_graph_tensor(graph, base->name, base->space, ndim, dim);
    if (tensor)
        tensor->base = base;
    return tensor;
}

/* Replaces the one -1 in shape, where there is one, by what the other dims leave of numel; false: there is no such
 * shape. Products are bounded by numel, so that none overflows. */
static bool complete_shape(int64_t numel, int ndim, int64_t *shape)
{
    int open = -1;
    int64_t left = numel;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == -1 && open < 0)
            open = i;
        else if (shape[i] < 1 || left % shape[i])
            return false;
        else
            left /= shape[i];
    }
    if (open >= 0)
        shape[open] = left;
    return open >= 0 || left == 1;
}

struct vit_tensor *vit_graph_reshape(struct vit_graph *graph, struct vit_tensor *tensor, int ndim, const int64_t *dim)
{
    if (graph->status != VIT_OK)
        return NULL;
    if (ndim < 0 || ndim > VIT_MAX_DIMS)
        return vit_graph_fail(graph, vit_fail(VIT_EINVAL, "%s: cannot reshape to %d dimensions, at most %d",
                                              tensor->name, ndim, VIT_MAX_DIMS));
    struct vit_tensor wanted = {.ndim = ndim};
    memcpy(wanted.dim, dim, (size_t)ndim * sizeof *dim);
    if (!complete_shape(vit_numel(tensor), ndim, wanted.dim)) {
        char from[VIT_SHAPE_TEXT], to[VIT_SHAPE_TEXT];
        memcpy(wanted.dim, dim, (size_t)ndim * sizeof *dim);
        return vit_graph_fail(graph, vit_fail(VIT_EINVAL,
                                              "%s: cannot reshape %s to %s: the same number of elements, and at most "
                                              "one -1, are needed",
                                              tensor->name, vit_shape_text(tensor, from), vit_shape_text(&wanted, to)));
    }
    return view(graph, tensor, ndim, wanted.dim);
}

struct vit_tensor *vit_graph_range(struct vit_graph *graph, struct vit_tensor *tensor, int64_t start, int64_t length)
{
    if (graph->status != VIT_OK)
        return NULL;
    if (start < 0 || length < 1 || start + length > tensor->dim[0])
        return vit_graph_fail(graph, vit_fail(VIT_EINVAL, "%s: range %lld+%lld of %lld items", tensor->name,
                                              (long long)start, (long long)length, (long long)tensor->dim[0]));
    int64_t dim[VIT_MAX_DIMS];
    memcpy(dim, tensor->dim, sizeof dim);
    dim[0] = length;
    struct vit_tensor *result = view(graph, tensor, tensor->ndim, dim);
    if (result)
        result->base_offset = start * (vit_numel(tensor) / tensor->dim[0]);
    return result;
}

struct vit_tensor *vit_graph_op(struct vit_graph *graph, enum vit_op_kind kind, const char *name, struct vit_attr attr,
                                int n_in, struct vit_tensor *const *in)
{
    if (graph->status != VIT_OK || !grow(graph, &graph->op, graph->n_op, &graph->capacity_op, sizeof graph->op[0]))
        return NULL;
    const struct vit_op_def *def = vit_op_table[kind];
    struct vit_op *op = vit_arena_alloc(&graph->arena, 1, sizeof *op);
    char *copy = op ? vit_graph_name(graph, "%s", name) : NULL;
    if (!copy)
        return vit_graph_fail(graph, VIT_ENOMEM);
    *op = (struct vit_op){.kind = kind, .name = copy, .site = graph->site, .attr = attr, .n_in = n_in};
    if (n_in < def->min_in || n_in > def->max_in)
        return vit_graph_fail(graph, vit_op_fail(op, "%d inputs, expected %d to %d", n_in, def->min_in, def->max_in));
    memcpy(op->in, in, (size_t)n_in * sizeof *in);
    op->n_out = def->outputs ? def->outputs : 1;
    for (int i = 0; i < op->n_out; i++)
        if (!(op->out[i] = vit_graph_tensor(graph, name, VIT_SPACE_ACTIVATION, 0, NULL)))
            return NULL;
    int status = def->infer(op);
    if (status != VIT_OK)
        return vit_graph_fail(graph, status);
    graph->op[graph->n_op++] = op;
    return op->out[0];
}

void vit_graph_once(struct vit_graph *graph)
{
    if (graph->status != VIT_OK)
        return;
    struct vit_op *op = graph->op[graph->n_op - 1];
    op->prepare = true;
    for (int i = 0; i < op->n_out; i++)
        op->out[i]->space = VIT_SPACE_DERIVED;
}

struct vit_op *vit_graph_producer(const struct vit_graph *graph, const struct vit_tensor *tensor)
{
    const struct vit_tensor *owner = vit_owner(tensor);
    for (int i = 0; i < graph->n_op; i++)
        for (int k = 0; k < graph->op[i]->n_out; k++)
            if (vit_owner(graph->op[i]->out[k]) == owner)
                return graph->op[i];
    return NULL;
}

void vit_graph_tap(struct vit_graph *graph, const char *name, struct vit_tensor *tensor)
{
    if (graph->status == VIT_OK && grow(graph, &graph->tap, graph->n_tap, &graph->capacity_tap, sizeof graph->tap[0])) {
        char *copy = vit_graph_name(graph, "%s", name);
        if (!copy)
            graph->status = VIT_ENOMEM;
        else
            graph->tap[graph->n_tap++] = (struct vit_tap){.name = copy, .tensor = tensor};
    }
}

void vit_graph_region(struct vit_graph *graph, struct vit_region region)
{
    if (graph->status == VIT_OK &&
        grow(graph, &graph->region, graph->n_region, &graph->capacity_region, sizeof graph->region[0])) {
        region.block = vit_graph_name(graph, "%s", region.block);
        if (!region.block)
            graph->status = VIT_ENOMEM;
        else
            graph->region[graph->n_region++] = region;
    }
}

void vit_graph_close(struct vit_graph *graph)
{
    free(graph->tensor);
    free(graph->op);
    free(graph->tap);
    free(graph->region);
    vit_arena_close(&graph->arena);
    *graph = (struct vit_graph){0};
}
