/* SPDX-License-Identifier: MIT */
/* fold_norms.c - evaluation only: a batch norm becomes part of the weights of the convolution or linear before it,
 * or of the linears after it (the EfficientViT head). The new weights are derived once from the loaded ones. */
#include "model/base/status.h"
#include "model/rewrite.h"

static int readers(const struct vit_graph *g, const struct vit_tensor *tensor, struct vit_op **last)
{
    int n = 0;
    for (int i = 0; i < g->n_op; i++)
        for (int k = 0; k < g->op[i]->n_in; k++)
            if (vit_owner(g->op[i]->in[k]) == tensor) {
                *last = g->op[i];
                n++;
            }
    return n;
}

static bool has_weights(const struct vit_op *op)
{
    return op && (op->kind == VIT_OP_conv2d || op->kind == VIT_OP_depthwise_conv2d || op->kind == VIT_OP_linear);
}

/* Logits and regions are read from outside: their tensors stay. */
static bool is_result(const struct vit_graph *g, const struct vit_tensor *tensor)
{
    bool result = g->logits && vit_owner(g->logits) == tensor;
    for (int i = 0; i < g->n_region; i++)
        result |= vit_owner(g->region[i].tensor) == tensor;
    return result;
}

/* `from` is read once, as the first input of `reader` and in its own shape, and nowhere else. */
static bool feeds_only(const struct vit_graph *g, const struct vit_tensor *from, const struct vit_op *reader)
{
    struct vit_op *last = NULL;
    return reader->in[0] == from && readers(g, from, &last) == 1 && !is_result(g, from);
}

/* The channels of the norm, axis 1, are those that the weights' rows make: axis 1 of maps, the last axis of a linear.
 */
static bool follows(const struct vit_graph *g, const struct vit_op *norm, const struct vit_op *producer)
{
    return has_weights(producer) && (producer->kind != VIT_OP_linear || norm->in[0]->ndim == 2) &&
           feeds_only(g, producer->out[0], norm);
}

/* The norm is of rows, which linears read, all of them in whatever shape, and nothing else. */
static bool precedes(const struct vit_graph *g, const struct vit_op *norm)
{
    const struct vit_tensor *rows = norm->out[0];
    struct vit_op *last = NULL;
    if (rows->ndim != 2 || is_result(g, rows) || readers(g, rows, &last) == 0)
        return false;
    for (int i = 0; i < g->n_op; i++)
        for (int k = 0; k < g->op[i]->n_in; k++) {
            const struct vit_tensor *read = g->op[i]->in[k];
            bool all = vit_numel(read) == vit_numel(rows) && read->dim[read->ndim - 1] == rows->dim[1];
            if (vit_owner(read) == rows && (g->op[i]->kind != VIT_OP_linear || k != 0 || !all))
                return false;
        }
    return true;
}

/* Gives `target` the folded weight and bias; axis 0: the norm follows it, 1: it precedes it. */
static int fold(struct vit_graph *g, const struct vit_op *norm, struct vit_op *target, int axis)
{
    struct vit_tensor *in[6] = {target->in[1], norm->in[1], norm->in[2], norm->in[3], norm->in[4], target->in[2]};
    g->site = target->site;
    vit_graph_op(g, VIT_OP_fold_batch_norm, vit_graph_name(g, "%s.fold", target->name),
                 (struct vit_attr){.eps = norm->attr.eps, .axis = axis}, target->n_in == 3 ? 6 : 5, in);
    vit_graph_once(g);
    if (g->status != VIT_OK)
        return g->status;
    const struct vit_op *folded = g->op[g->n_op - 1];
    target->in[1] = folded->out[0];
    target->in[2] = folded->out[1];
    target->n_in = 3;
    return VIT_OK;
}

/* Every linear behind the norm reads what the norm read, in its own shape. */
static int fold_into_readers(struct vit_graph *g, const struct vit_op *norm)
{
    const int n = g->n_op; /* folds are added behind */
    for (int i = 0; i < n; i++) {
        struct vit_op *reader = g->op[i];
        if (vit_owner(reader->in[0]) != norm->out[0])
            continue;
        int status = fold(g, norm, reader, 1);
        const struct vit_tensor *read = reader->in[0];
        if (status == VIT_OK)
            reader->in[0] = vit_same_shape(read, norm->in[0])
                                ? norm->in[0]
                                : vit_graph_reshape(g, norm->in[0], read->ndim, read->dim);
        if (g->status != VIT_OK)
            return g->status;
    }
    return VIT_OK;
}

/* A tap whose value no longer exists goes; the others keep their tensors. */
static void drop_tap(struct vit_graph *g, const struct vit_tensor *tensor)
{
    int kept = 0;
    for (int i = 0; i < g->n_tap; i++)
        if (vit_owner(g->tap[i].tensor) != tensor)
            g->tap[kept++] = g->tap[i];
    g->n_tap = kept;
}

static int apply(struct vit_graph *g)
{
    int n = g->n_op;
    bool *drop = vit_arena_alloc(&g->arena, 2 * (size_t)n + 1, sizeof *drop);
    if (!drop)
        return VIT_ENOMEM;
    for (int i = 0; i < n; i++) {
        struct vit_op *norm = g->op[i];
        if (norm->kind != VIT_OP_batch_norm)
            continue;
        struct vit_op *producer = vit_graph_producer(g, norm->in[0]);
        int status = VIT_OK;
        if (follows(g, norm, producer)) {
            status = fold(g, norm, producer, 0);
            drop_tap(g, producer->out[0]);
            producer->out[0] = norm->out[0];
            drop[i] = true;
        } else if (precedes(g, norm)) {
            status = fold_into_readers(g, norm);
            drop_tap(g, norm->out[0]);
            drop[i] = true;
        }
        if (status != VIT_OK)
            return status;
    }
    vit_graph_drop_ops(g, drop);
    return VIT_OK;
}

const struct vit_rewrite_def vit_rewrite_fold_norms = {
    .name = "fold_norms",
    .summary = "batch norms become part of the weights beside them",
    .apply = apply,
};
