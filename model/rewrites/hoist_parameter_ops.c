/* SPDX-License-Identifier: MIT */
/* hoist_parameter_ops.c - evaluation only: an operator that reads weights alone (Swin's position bias) runs once, when
 * they are loaded, instead of in every forward. */
#include "model/base/status.h"
#include "model/rewrite.h"

static bool reads_weights_only(const struct vit_op *op)
{
    for (int i = 0; i < op->n_in; i++) {
        enum vit_space space = vit_owner(op->in[i])->space;
        if (space != VIT_SPACE_PARAM && space != VIT_SPACE_BUFFER && space != VIT_SPACE_CONSTANT &&
            space != VIT_SPACE_DERIVED)
            return false;
    }
    return true;
}

static int apply(struct vit_graph *g)
{
    for (int i = 0; i < g->n_op; i++) {
        struct vit_op *op = g->op[i];
        if (op->prepare || !reads_weights_only(op))
            continue;
        op->prepare = true;
        for (int k = 0; k < op->n_out; k++)
            op->out[k]->space = VIT_SPACE_DERIVED;
    }
    return VIT_OK;
}

const struct vit_rewrite_def vit_rewrite_hoist_parameter_ops = {
    .name = "hoist_parameter_ops",
    .summary = "what depends on weights alone is computed once",
    .apply = apply,
};
