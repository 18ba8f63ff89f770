/* SPDX-License-Identifier: MIT */
#include "model/convolution.h"

#include "model/base/status.h"

/* w (outputs, inputs, k, k): inputs is the channels of x, or 1 where outputs are. */
static int check_weight(struct vit_op *op, bool depthwise)
{
    const struct vit_tensor *x = op->in[0], *w = op->in[1];
    const int kernel = op->attr.kernel;
    char a[VIT_SHAPE_TEXT], b[VIT_SHAPE_TEXT];
    const int64_t inputs = depthwise ? 1 : x->dim[1];
    const bool outputs_fit = !depthwise || w->dim[0] == x->dim[1];
    if (outputs_fit && w->dim[1] == inputs && w->dim[2] == kernel && w->dim[3] == kernel)
        return VIT_OK;
    vit_shape_text(w, a);
    vit_shape_text(x, b);
    if (depthwise)
        return vit_op_fail(op, "weight %s must be (%lld, 1, %d, %d) for input %s", a, (long long)x->dim[1], kernel,
                           kernel, b);
    return vit_op_fail(op, "weight %s must be (outputs, %lld, %d, %d) for input %s", a, (long long)inputs, kernel,
                       kernel, b);
}

int vit_convolution_infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *w = op->in[1];
    const int kernel = op->attr.kernel, stride = op->attr.stride, pad = op->attr.pad;
    const bool depthwise = op->kind == VIT_OP_depthwise_conv2d;
    char a[VIT_SHAPE_TEXT], b[VIT_SHAPE_TEXT];
    if (x->ndim != 4 || w->ndim != 4)
        return vit_op_fail(op, "input %s and weight %s must have 4 dims", vit_shape_text(x, a), vit_shape_text(w, b));
    if (kernel < 1 || stride < 1 || pad < 0)
        return vit_op_fail(op, "kernel %d and stride %d must be at least 1, pad %d at least 0", kernel, stride, pad);
    if (depthwise && kernel > VIT_DEPTHWISE_MAX_KERNEL)
        return vit_op_fail(op, "kernel %d must be 1 to %d", kernel, VIT_DEPTHWISE_MAX_KERNEL);
    int status = check_weight(op, depthwise);
    if (status != VIT_OK)
        return status;
    if (op->n_in > 2 && (op->in[2]->ndim != 1 || op->in[2]->dim[0] != w->dim[0]))
        return vit_op_fail(op, "bias %s must be (%lld,)", vit_shape_text(op->in[2], a), (long long)w->dim[0]);
    if (x->dim[2] + 2 * pad < kernel || x->dim[3] + 2 * pad < kernel)
        return vit_op_fail(op, "input %s with pad %d is smaller than the kernel %d", vit_shape_text(x, a), pad, kernel);
    const int64_t dim[4] = {x->dim[0], w->dim[0], (x->dim[2] + 2 * pad - kernel) / stride + 1,
                            (x->dim[3] + 2 * pad - kernel) / stride + 1};
    vit_op_shape(op, 4, dim);
    return VIT_OK;
}

void vit_convolution_cost(const struct vit_op *op, struct vit_cost *cost)
{
    const int64_t outputs = vit_numel(op->out[0]);
    cost->macs = outputs * (vit_numel(op->in[1]) / op->in[1]->dim[0]);
    cost->flops = 2 * cost->macs + (op->n_in > 2 ? outputs : 0);
}

/* Items of an axis that lie in a window: windows end before the axis does, or leave gaps. */
static int64_t reached(int64_t length, int64_t windows, const struct vit_attr *attr)
{
    int64_t count = 0;
    for (int64_t i = attr->pad; i < length + attr->pad; i++) {
        const int64_t last = i / attr->stride < windows ? i / attr->stride : windows - 1;
        count += i - last * attr->stride < attr->kernel;
    }
    return count;
}

int64_t vit_convolution_reads(const struct vit_op *op, int input)
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    if (input != 0)
        return vit_numel(op->in[input]);
    return x->dim[0] * x->dim[1] * reached(x->dim[2], y->dim[2], &op->attr) * reached(x->dim[3], y->dim[3], &op->attr);
}

void vit_convolution_sizes(const struct vit_op *op, int64_t shape[VIT_CONV_SIZES])
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    shape[VIT_CONV_CHANNELS] = x->dim[1];
    shape[VIT_CONV_HEIGHT] = x->dim[2];
    shape[VIT_CONV_WIDTH] = x->dim[3];
    shape[VIT_CONV_OUT_HEIGHT] = y->dim[2];
    shape[VIT_CONV_OUT_WIDTH] = y->dim[3];
    shape[VIT_CONV_KERNEL] = op->attr.kernel;
    shape[VIT_CONV_STRIDE] = op->attr.stride;
    shape[VIT_CONV_PAD] = op->attr.pad;
}
