/* SPDX-License-Identifier: MIT */
/* layer_norm.c - y = (x - mean) / sqrt(variance + eps) * weight + bias, moments over the last axis.
 * x, y: (..., C); weight, bias: (C); attribute: eps.
 * FLOPs: 7 per element (sum, centring, square, its sum, normalising, weight, bias) and 5 per row. */
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"
#include "model/kernels/layer_norm.h"

static int infer(struct vit_op *op)
{
    static const char *const role[] = {"input", "weight", "bias"};
    const struct vit_tensor *x = op->in[0];
    char text_x[VIT_SHAPE_TEXT], text[VIT_SHAPE_TEXT];
    if (x->ndim < 1)
        return vit_op_fail(op, "input is a scalar, must have a last axis");
    for (int i = 1; i < 3; i++)
        if (op->in[i]->ndim != 1 || op->in[i]->dim[0] != x->dim[x->ndim - 1])
            return vit_op_fail(op, "%s %s must have one element per channel: last axis of the input %s", role[i],
                               vit_shape_text(op->in[i], text), vit_shape_text(x, text_x));
    return vit_op_infer_same(op);
}

static void piece_of(void *context, int64_t piece, int worker)
{
    const struct vit_op *op = context;
    const struct vit_tensor *x = op->in[0];
    (void)worker;
    int64_t n = x->dim[x->ndim - 1], count = vit_piece_rows(n), row = piece * count, rest = vit_numel(x) / n - row;
    const struct vit_layer_norm norm = {.weight = op->in[1]->data, .bias = op->in[2]->data, .eps = op->attr.eps};
    vit_kernels()->layer_norm_rows(op->out[0]->data + row * n, x->data + row * n, &norm, rest < count ? rest : count,
                                   n);
}

static void forward(const struct vit_step *step)
{
    struct vit_op op = *step->op;
    int64_t n = op.in[0]->dim[op.in[0]->ndim - 1];
    vit_parallel_for(step->pool, vit_piece_count(vit_numel(op.in[0]) / n, vit_piece_rows(n)), piece_of, &op);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    int64_t elements = vit_numel(op->in[0]), n = op->in[0]->dim[op->in[0]->ndim - 1];
    c->flops = 7 * elements + 5 * (elements / n);
}

const struct vit_op_def vit_op_layer_norm = {
    .name = "layer_norm",
    .op_class = VIT_CLASS_NORM,
    .min_in = 3,
    .max_in = 3,
    .infer = infer,
    .cost = cost,
    .cpu = (const struct vit_kernel[]){{.name = "rows", .forward = forward}, {0}},
};
