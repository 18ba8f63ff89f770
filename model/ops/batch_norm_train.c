/* SPDX-License-Identifier: MIT */
/* batch_norm_train.c - batch norm in training: y = (x - mean) / sqrt(var + eps) * weight + bias per channel, with mean
 * and (biased) variance of the batch over all axes but 1. Running statistics become (1 - momentum) running + momentum
 * batch, the variance unbiased there. x, y (B, C, ...), 2 to 4 dims; weight, bias, running_mean, running_var (C); saved
 * (3, C): mean, 1 / sqrt(var + eps), what the mean lost by rounding: x - mean is exact where the mean is large against
 * the deviation. Attributes: eps, momentum. Back, h = (x - mean) / deviation over N values of a
 * channel: dweight = sum dy h, dbias = sum dy, dx = weight / deviation (dy - dbias / N - h dweight / N). A channel is
 * one piece, its images in order. With other ranks the statistics, N and the sums in dx are those of all their images
 * (synchronised batch norm); dweight and dbias are this rank's share. FLOPs: 6 per element; back: 9. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/kernels/channel.h"
#include "model/plan.h"

#include <math.h>

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    char text[VIT_SHAPE_TEXT], other[VIT_SHAPE_TEXT];
    if (x->ndim < 2 || x->ndim > 4)
        return vit_op_fail(op, "input %s must be (B, C), (B, C, L) or (B, C, H, W)", vit_shape_text(x, text));
    for (int i = 1; i < 5; i++)
        if (op->in[i]->ndim != 1 || op->in[i]->dim[0] != x->dim[1])
            return vit_op_fail(op, "input %d %s must have one element per channel of %s", i,
                               vit_shape_text(op->in[i], other), vit_shape_text(x, text));
    if (vit_numel(x) == x->dim[1])
        return vit_op_fail(op, "input %s has one value per channel: a batch of more than one is needed to train",
                           vit_shape_text(x, text));
    op->out[1]->ndim = 2;
    op->out[1]->dim[0] = 3;
    op->out[1]->dim[1] = x->dim[1];
    return vit_op_infer_same(op);
}

static void cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 6 * vit_numel(op->in[0]);
}

static void backward_cost(const struct vit_op *op, struct vit_cost *c)
{
    c->flops = 9 * vit_numel(op->in[0]);
}

/* Sums of all ranks on their way: two for each channel. */
static size_t workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return 2 * (size_t)op->in[0]->dim[1] * sizeof(double);
}

struct channel {
    const struct vit_op *op;
    int64_t images, channels, n; /* n: neighbouring values of a channel of an image */
    double count;                /* values of a channel on all ranks */
    double *shared;              /* (2, C): the workspace */
};

static struct channel describe(const struct vit_step *step)
{
    const struct vit_tensor *x = step->op->in[0];
    const int64_t values = vit_numel(x) / x->dim[1];
    return (struct channel){.op = step->op,
                            .images = x->dim[0],
                            .channels = x->dim[1],
                            .n = values / x->dim[0],
                            .count = (double)(values * vit_communicator_ranks(step->comm)),
                            .shared = step->workspace};
}

static struct vit_channel values_of(const struct channel *c, int64_t channel)
{
    const int64_t at = channel * c->n;
    return (struct vit_channel){.x = c->op->in[0]->data + at,
                                .y = c->op->out[0]->data + at,
                                .images = c->images,
                                .n = c->n,
                                .step = c->channels * c->n};
}

/* Sum over the channel on this rank, taken about its first value: no digits are lost to a mean that is large against
 * the deviation. */
static double sum_of(const struct channel *c, int64_t channel)
{
    const struct vit_channel values = values_of(c, channel);
    double sums[2] = {0, 0};
    vit_kernels()->channel_sums(sums, &values, values.x[0]);
    return sums[0] + (double)values.x[0] * (double)(c->images * c->n);
}

/* Sum of (x - mean)^2 over the channel on this rank. */
static double squares_about(const struct channel *c, int64_t channel, double mean)
{
    const struct vit_channel values = values_of(c, channel);
    const double rest = mean - (double)(vit_real)mean;
    double sums[2] = {0, 0};
    vit_kernels()->channel_sums(sums, &values, (vit_real)mean);
    return sums[1] - 2 * rest * sums[0] + rest * rest * (double)(c->images * c->n);
}

static void update(vit_real *running, double momentum, double value)
{
    *running = (vit_real)((1 - momentum) * (double)*running + momentum * value);
}

/* squares: sum of (x - mean)^2. */
static void normalise(const struct channel *c, int64_t channel, double mean, double squares)
{
    const struct vit_op *op = c->op;
    const double rstd = 1 / sqrt(squares / c->count + op->attr.eps);
    const double scale = (double)op->in[1]->data[channel] * rstd;
    const vit_real centre = (vit_real)mean, rest = (vit_real)(mean - (double)centre);
    const struct vit_channel values = values_of(c, channel);
    vit_kernels()->channel_scale(
        &values, (const vit_real[]){centre, (vit_real)scale,
                                    (vit_real)((double)op->in[2]->data[channel] - (double)rest * scale)});
    op->out[1]->data[channel] = centre;
    op->out[1]->data[c->channels + channel] = (vit_real)rstd;
    op->out[1]->data[2 * c->channels + channel] = rest;
    update(&op->in[3]->data[channel], op->attr.momentum, mean);
    update(&op->in[4]->data[channel], op->attr.momentum, squares / (c->count - 1));
}

static void channel_forward(void *context, int64_t channel, int worker)
{
    const struct channel *c = context;
    const double mean = sum_of(c, channel) / c->count;
    (void)worker;
    normalise(c, channel, mean, squares_about(c, channel, mean));
}

static void channel_sum(void *context, int64_t channel, int worker)
{
    const struct channel *c = context;
    (void)worker;
    c->shared[channel] = sum_of(c, channel);
}

static void channel_squares(void *context, int64_t channel, int worker)
{
    const struct channel *c = context;
    (void)worker;
    c->shared[c->channels + channel] = squares_about(c, channel, c->shared[channel] / c->count);
}

static void channel_finish(void *context, int64_t channel, int worker)
{
    const struct channel *c = context;
    (void)worker;
    normalise(c, channel, c->shared[channel] / c->count, c->shared[c->channels + channel]);
}

/* Alone, a channel goes from its sums to its results while it is in the cache. */
static void forward(const struct vit_step *step)
{
    struct channel c = describe(step);
    if (vit_communicator_ranks(step->comm) == 1) {
        vit_parallel_for(step->pool, c.channels, channel_forward, &c);
        return;
    }
    vit_parallel_for(step->pool, c.channels, channel_sum, &c);
    vit_communicator_sum(step->comm, c.shared, c.channels);
    vit_parallel_for(step->pool, c.channels, channel_squares, &c);
    vit_communicator_sum(step->comm, c.shared + c.channels, c.channels);
    vit_parallel_for(step->pool, c.channels, channel_finish, &c);
}

/* Three sweeps over the channel: mean, variance, result. */
static void stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const struct channel c = describe(step);
    const size_t bytes = (size_t)c.n * sizeof(vit_real), one = sizeof(vit_real);
    for (int64_t channel = 0; channel < c.channels; channel++) {
        for (int sweep = 0; sweep < 3; sweep++)
            for (int64_t image = 0; image < c.images; image++) {
                const int64_t at = (image * c.channels + channel) * c.n;
                const vit_real *x = op->in[0]->data + at;
                if (sweep < 2)
                    vit_access_read(access, x, bytes);
                else
                    vit_access_zip(access, &(struct vit_zip){.y = op->out[0]->data + at, .a = x, .bytes = bytes});
            }
        for (int i = 1; i < 5; i++)
            vit_access_read(access, op->in[i]->data + channel, one);
        for (int i = 3; i < 5; i++)
            vit_access_write(access, op->in[i]->data + channel, one);
        for (int i = 0; i < 3; i++)
            vit_access_write(access, op->out[1]->data + i * c.channels + channel, one);
    }
}

struct back {
    struct channel c;
    const struct vit_step *step;
};

/* sums: of dy and of dy (x - mean), on this rank. */
static void sum_back(const struct channel *c, int64_t channel, double sums[2])
{
    const struct vit_op *op = c->op;
    struct vit_channel values = values_of(c, channel);
    values.dy = op->out[0]->grad->data + channel * c->n;
    sums[0] = sums[1] = 0;
    vit_kernels()->channel_back_sums(sums, &values, op->out[1]->data[channel]);
    sums[1] -= (double)op->out[1]->data[2 * c->channels + channel] * sums[0];
}

/* Gradients of weight and bias. */
static void learn(const struct back *back, int64_t channel, const double sums[2])
{
    const struct vit_op *op = back->c.op;
    const double rstd = (double)op->out[1]->data[back->c.channels + channel], gradient[] = {sums[1] * rstd, sums[0]};
    for (int i = 0; i < 2; i++)
        if (op->in[i + 1]->grad) {
            vit_real *to = &op->in[i + 1]->grad->data[channel];
            *to = (vit_real)(gradient[i] + (vit_step_adds(back->step, i + 1) ? (double)*to : 0));
        }
}

/* Gradient of x; sums: those of all ranks. */
static void pass_back(const struct back *back, int64_t channel, const double sums[2])
{
    const struct channel *c = &back->c;
    const struct vit_op *op = c->op;
    const vit_real mean = op->out[1]->data[channel];
    const double rstd = (double)op->out[1]->data[c->channels + channel];
    const double scale = (double)op->in[1]->data[channel] * rstd;
    const double slope = -scale * rstd * rstd * sums[1] / c->count,
                 rest = (double)op->out[1]->data[2 * c->channels + channel];
    const vit_real factor[4] = {(vit_real)scale, (vit_real)slope, mean,
                                (vit_real)(-scale * sums[0] / c->count - slope * rest)};
    struct vit_channel values = values_of(c, channel);
    if (!op->in[0]->grad)
        return;
    values.dy = op->out[0]->grad->data + channel * c->n;
    values.y = op->in[0]->grad->data + channel * c->n;
    vit_kernels()->channel_back(&values, factor, vit_step_adds(back->step, 0));
}

static void channel_backward(void *context, int64_t channel, int worker)
{
    const struct back *back = context;
    double sums[2];
    (void)worker;
    sum_back(&back->c, channel, sums);
    pass_back(back, channel, sums);
    learn(back, channel, sums);
}

static void channel_learn(void *context, int64_t channel, int worker)
{
    const struct back *back = context;
    double *sums = back->c.shared + 2 * channel;
    (void)worker;
    sum_back(&back->c, channel, sums);
    learn(back, channel, sums);
}

static void channel_pass_back(void *context, int64_t channel, int worker)
{
    const struct back *back = context;
    (void)worker;
    pass_back(back, channel, back->c.shared + 2 * channel);
}

static void backward(const struct vit_step *step)
{
    struct back back = {.c = describe(step), .step = step};
    if (vit_communicator_ranks(step->comm) == 1) {
        vit_parallel_for(step->pool, back.c.channels, channel_backward, &back);
        return;
    }
    vit_parallel_for(step->pool, back.c.channels, channel_learn, &back);
    vit_communicator_sum(step->comm, back.c.shared, 2 * back.c.channels);
    vit_parallel_for(step->pool, back.c.channels, channel_pass_back, &back);
}

/* Two sweeps over the channel: the sums, dx. */
static void back_stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const struct channel c = describe(step);
    const size_t bytes = (size_t)c.n * sizeof(vit_real), one = sizeof(vit_real);
    for (int64_t channel = 0; channel < c.channels; channel++) {
        for (int i = 0; i < 3; i++)
            vit_access_read(access, op->out[1]->data + i * c.channels + channel, one);
        vit_access_read(access, op->in[1]->data + channel, one);
        for (int sweep = 0; sweep < (op->in[0]->grad ? 2 : 1); sweep++)
            for (int64_t image = 0; image < c.images; image++) {
                const int64_t at = (image * c.channels + channel) * c.n;
                struct vit_zip zip = {.a = op->in[0]->data + at, .b = op->out[0]->grad->data + at, .bytes = bytes};
                zip.y = sweep ? op->in[0]->grad->data + at : NULL;
                zip.c = vit_step_adds(step, 0) ? zip.y : NULL;
                vit_access_zip(access, &zip);
            }
        for (int i = 1; i < 3; i++) {
            if (op->in[i]->grad && vit_step_adds(step, i))
                vit_access_read(access, op->in[i]->grad->data + channel, one);
            if (op->in[i]->grad)
                vit_access_write(access, op->in[i]->grad->data + channel, one);
        }
    }
}

const struct vit_op_def vit_op_batch_norm_train = {
    .name = "batch_norm_train",
    .op_class = VIT_CLASS_NORM,
    .min_in = 5,
    .max_in = 5,
    .outputs = 2,
    .infer = infer,
    .cost = cost,
    .updates = true,
    .cpu =
        (const struct vit_kernel[]){{.name = "channels", .workspace = workspace, .forward = forward, .stream = stream},
                                    {0}},
    .backward =
        (const struct vit_kernel[]){
            {.name = "channels", .workspace = workspace, .forward = backward, .stream = back_stream}, {0}},
    .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1) | VIT_READS_OUT(1),
    .backward_cost = backward_cost,
};
