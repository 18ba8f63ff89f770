/* SPDX-License-Identifier: MIT */
/* batch_statistics.c - training: batch norms take mean and variance of the batch, and update their running ones. */
#include "model/base/status.h"
#include "model/rewrite.h"

static int apply(struct vit_graph *g)
{
    for (int i = 0; i < g->n_op; i++) {
        struct vit_op *op = g->op[i];
        if (op->kind != VIT_OP_batch_norm)
            continue;
        op->out[1] = vit_graph_tensor(g, vit_graph_name(g, "%s.statistics", op->name), VIT_SPACE_ACTIVATION, 2,
                                      (int64_t[]){3, op->in[0]->dim[1]});
        if (!op->out[1])
            return g->status;
        op->kind = VIT_OP_batch_norm_train;
        op->n_out = 2;
        op->attr.momentum = 0.1; /* of the published training */
        int status = vit_op_table[op->kind]->infer(op);
        if (status != VIT_OK)
            return status;
    }
    return VIT_OK;
}

const struct vit_rewrite_def vit_rewrite_batch_statistics = {
    .name = "batch_statistics",
    .summary = "batch norms take the statistics of the batch",
    .apply = apply,
};
