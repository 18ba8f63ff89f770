/* SPDX-License-Identifier: MIT */
/* depthwise_conv2d: y[b, c, i, j] = bias[c] + sum over u, v of w[c, 0, u, v] * x[b, c, i * stride + u - pad, j * stride
 * + v - pad] (zero outside x). x (B, C, H, W), w (C, 1, k, k), [bias (C)] -> y (B, C, Ho, Wo), Ho = (H + 2 pad - k) /
 * stride + 1. Attributes: kernel (1 to 7), stride, pad. MACs: B * C * Ho * Wo * k * k; FLOPs: 2 MACs + one per output
 * with a bias. The arithmetic is in model/kernels/depthwise.c.
 * Back: dx gathers dy through the same taps, dw[c, u, v] = sum over images and outputs of dy * x, db[c] = sum of dy;
 * all images of a channel in one piece, in their order. MACs: twice the forward's. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/convolution.h"
#include "model/kernel_set.h"
#include "model/plan.h"

struct planes {
    struct vit_access *access; /* not NULL: names what would be touched */
    const vit_real *x, *w, *bias;
    vit_real *y, *scratch;
    int64_t shape[VIT_CONV_SIZES];
    int64_t channels, total; /* planes of one image and of all */
    int64_t piece;           /* planes per piece */
};

static struct planes describe(const struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    struct planes p = {.x = x->data,
                       .w = op->in[1]->data,
                       .bias = op->n_in > 2 ? op->in[2]->data : NULL,
                       .y = y->data,
                       .channels = x->dim[1],
                       .total = x->dim[0] * x->dim[1]};
    vit_convolution_sizes(op, p.shape);
    /* The padding of a plane costs about as much as 8 taps. */
    enum { PIECE_MACS = 500000 };
    const int64_t plane_macs = y->dim[2] * y->dim[3] * (op->attr.kernel * op->attr.kernel + 8);
    p.piece = plane_macs < PIECE_MACS ? PIECE_MACS / plane_macs : 1;
    return p;
}

/* Elements per worker, whole cache lines. */
static size_t scratch_elements(const struct planes *p)
{
    return ((size_t)vit_depthwise_scratch(p->shape) + VIT_SLACK - 1) / VIT_SLACK * VIT_SLACK;
}

static size_t workspace(const struct vit_op *op, int threads)
{
    const struct planes p = describe(op);
    return (size_t)threads * scratch_elements(&p) * sizeof(vit_real);
}

/* The kernel takes planes whose weights follow one another: a piece is cut where an image ends. */
static void convolve_piece(void *context, int64_t piece, int worker)
{
    const struct planes *p = context;
    int64_t shape[VIT_CONV_SIZES];
    for (int i = 0; i < VIT_CONV_SIZES; i++)
        shape[i] = p->shape[i];
    const int64_t in_plane = shape[VIT_CONV_HEIGHT] * shape[VIT_CONV_WIDTH];
    const int64_t out_plane = shape[VIT_CONV_OUT_HEIGHT] * shape[VIT_CONV_OUT_WIDTH];
    const int64_t taps = shape[VIT_CONV_KERNEL] * shape[VIT_CONV_KERNEL];
    const int64_t end = (piece + 1) * p->piece < p->total ? (piece + 1) * p->piece : p->total;
    for (int64_t plane = piece * p->piece; plane < end;) {
        const int64_t channel = plane % p->channels, left = p->channels - channel;
        shape[VIT_CONV_CHANNELS] = left < end - plane ? left : end - plane;
        const struct vit_depthwise part = {.y = p->y + plane * out_plane,
                                           .x = p->x + plane * in_plane,
                                           .weight = p->w + channel * taps,
                                           .bias = p->bias ? p->bias + channel : NULL,
                                           .scratch = p->scratch + (size_t)worker * scratch_elements(p),
                                           .shape = shape};
        if (p->access)
            vit_kernels()->depthwise_planes_stream(p->access, &part);
        else
            vit_kernels()->depthwise_planes(&part);
        plane += shape[VIT_CONV_CHANNELS];
    }
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    struct planes p = describe(step->op);
    p.access = access;
    p.scratch = step->workspace;
    vit_parallel_for(access ? NULL : step->pool, (p.total + p.piece - 1) / p.piece, convolve_piece, &p);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

struct way_back {
    const struct vit_step *step;
    int64_t shape[VIT_CONV_SIZES];
    int64_t images, channels, in_plane, out_plane;
};

static double sum_of(const vit_real *value, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)value[i];
    return sum;
}

static void set_or_add(const struct vit_step *step, int input, int64_t at, double value)
{
    vit_real *to = &step->op->in[input]->grad->data[at];
    *to = (vit_real)(vit_step_adds(step, input) ? (double)*to + value : value);
}

/* Elements per worker, whole cache lines. */
static size_t back_scratch_elements(const int64_t *shape)
{
    return ((size_t)vit_depthwise_back_scratch(shape) + VIT_SLACK - 1) / VIT_SLACK * VIT_SLACK;
}

static size_t back_workspace(const struct vit_op *op, int threads)
{
    int64_t shape[VIT_CONV_SIZES];
    vit_convolution_sizes(op, shape);
    return (size_t)threads * back_scratch_elements(shape) * sizeof(vit_real);
}

static void back_channel(void *context, int64_t channel, int worker)
{
    const struct way_back *b = context;
    const struct vit_op *op = b->step->op;
    const int64_t taps = b->shape[VIT_CONV_KERNEL] * b->shape[VIT_CONV_KERNEL];
    const vit_real *dy = op->out[0]->grad->data + channel * b->out_plane;
    double dw[VIT_DEPTHWISE_MAX_KERNEL * VIT_DEPTHWISE_MAX_KERNEL] = {0}, db = 0;
    vit_kernels()->depthwise_back(&(struct vit_depthwise_back){
        .dx = op->in[0]->grad ? op->in[0]->grad->data + channel * b->in_plane : NULL,
        .dw = op->in[1]->grad ? dw : NULL,
        .dy = dy,
        .x = op->in[0]->data + channel * b->in_plane,
        .weight = op->in[1]->data + channel * taps,
        .scratch = (vit_real *)b->step->workspace + (size_t)worker * back_scratch_elements(b->shape),
        .shape = b->shape,
        .images = b->images,
        .in_step = b->channels * b->in_plane,
        .out_step = b->channels * b->out_plane,
        .adds = vit_step_adds(b->step, 0)});
    for (int64_t i = 0; op->in[1]->grad && i < taps; i++)
        set_or_add(b->step, 1, channel * taps + i, dw[i]);
    if (op->n_in < 3 || !op->in[2]->grad)
        return;
    for (int64_t image = 0; image < b->images; image++)
        db += sum_of(dy + image * b->channels * b->out_plane, b->out_plane);
    set_or_add(b->step, 2, channel, db);
}

static void backward(const struct vit_step *step)
{
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    struct way_back b = {.step = step,
                         .images = x->dim[0],
                         .channels = x->dim[1],
                         .in_plane = x->dim[2] * x->dim[3],
                         .out_plane = y->dim[2] * y->dim[3]};
    vit_convolution_sizes(step->op, b.shape);
    vit_parallel_for(step->pool, b.channels, back_channel, &b);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *cost)
{
    vit_convolution_cost(op, cost);
    cost->macs *= 2;
    cost->flops *= 2;
}

static const struct vit_kernel way_back[] = {
    {.name = "padded_planes", .workspace = back_workspace, .forward = backward}, {0}};

static const struct vit_kernel kernels[] = {
    {.name = "padded_planes", .workspace = workspace, .forward = forward, .stream = stream}, {0}};

const struct vit_op_def vit_op_depthwise_conv2d = {.name = "depthwise_conv2d",
                                                   .op_class = VIT_CLASS_CONV,
                                                   .min_in = 2,
                                                   .max_in = 3,
                                                   .outputs = 1,
                                                   .infer = vit_convolution_infer,
                                                   .cost = vit_convolution_cost,
                                                   .cpu = kernels,
                                                   .backward = way_back,
                                                   .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
                                                   .backward_cost = backward_cost,
                                                   .reads = vit_convolution_reads};
