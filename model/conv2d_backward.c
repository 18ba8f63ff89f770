/* SPDX-License-Identifier: MIT */
/* dw (Cout, K) = sum over the outputs of dy (Cout, outputs) times their windows (outputs, K), dbias the sums of dy. */
#include "model/conv2d_backward.h"

#include "model/conv2d_input_gradient.h"
#include "model/conv2d_weight_gradient.h"
#include "model/convolution.h"
#include "model/kernel_set.h"
#include "model/weight_gradient.h"

struct source {
    const vit_real *x, *dy;
    int64_t shape[VIT_CONV_SIZES];
    int64_t out_channels, pixels;
};

static struct source describe(const struct vit_op *op)
{
    const struct vit_tensor *y = op->out[0];
    struct source s = {
        .x = op->in[0]->data, .dy = y->grad->data, .out_channels = y->dim[1], .pixels = y->dim[2] * y->dim[3]};
    vit_convolution_sizes(op, s.shape);
    return s;
}

/* dy where it lies, or gathered where the steps span images. */
static const vit_real *find_left(const void *source, vit_real *scratch, const struct vit_side_block *block,
                                 int64_t *stride)
{
    const struct source *s = source;
    int64_t image = block->step / s->pixels, at = block->step % s->pixels;
    const vit_real *from = s->dy + (image * s->out_channels + block->first) * s->pixels;
    *stride = s->pixels;
    if (at + block->steps <= s->pixels)
        return from + at;
    *stride = block->steps;
    for (int64_t step = 0, n; step < block->steps; step += n, at = 0) {
        n = s->pixels - at < block->steps - step ? s->pixels - at : block->steps - step;
        vit_kernels()->copy_runs(scratch + step, from + at, (const int64_t[]){1, block->n, n},
                                 (const int64_t[]){0, block->steps}, (const int64_t[]){0, s->pixels});
        from += s->out_channels * s->pixels;
    }
    return scratch;
}

static void pack_right(const void *source, vit_real *panel, const struct vit_side_block *block)
{
    const struct source *s = source;
    vit_kernels()->panel_window_columns(panel, s->x, s->shape,
                                        (const int64_t[]){block->step, block->steps, block->first, block->n});
}

static vit_real *gradient_of(const struct vit_op *op, int input)
{
    return input < op->n_in && op->in[input]->grad ? op->in[input]->grad->data : NULL;
}

static struct vit_weight_gradient weight_gradient(const struct vit_op *op, const struct source *source)
{
    const struct vit_tensor *w = op->in[1], *y = op->out[0];
    return (struct vit_weight_gradient){.dw = gradient_of(op, 1),
                                        .sums = gradient_of(op, 2),
                                        .rows = w->dim[0],
                                        .columns = vit_numel(w) / w->dim[0],
                                        .k = y->dim[0] * y->dim[2] * y->dim[3],
                                        .source = source,
                                        .left = find_left,
                                        .right = pack_right};
}

static bool has_weight_gradient(const struct vit_op *op)
{
    return op->in[1]->grad || (op->n_in > 2 && op->in[2]->grad);
}

size_t vit_conv2d_backward_workspace(const struct vit_op *op, int threads)
{
    const struct source source = describe(op);
    const struct vit_weight_gradient gradient = weight_gradient(op, &source);
    const size_t input = op->in[0]->grad ? vit_conv2d_input_gradient_workspace(op, threads) : 0;
    const size_t weights = has_weight_gradient(op) ? vit_weight_gradient_workspace(&gradient, threads) : 0;
    const bool overlaps = op->in[1]->grad && vit_conv2d_weight_gradient_fits(op);
    const size_t overlapping = overlaps ? vit_conv2d_weight_gradient_workspace(op, threads) : 0;
    const size_t most = input > weights ? input : weights;
    return most > overlapping ? most : overlapping;
}

void vit_conv2d_backward(const struct vit_step *step)
{
    const struct source source = describe(step->op);
    struct vit_weight_gradient gradient = weight_gradient(step->op, &source);
    gradient.adds_dw = vit_step_adds(step, 1);
    gradient.adds_sums = vit_step_adds(step, 2);
    if (step->op->in[0]->grad)
        vit_conv2d_input_gradient(step);
    if (gradient.dw && vit_conv2d_weight_gradient_fits(step->op)) {
        vit_conv2d_weight_gradient(step);
        gradient.dw = NULL;
    }
    if (gradient.dw || gradient.sums)
        vit_weight_gradient_run(&gradient, step->workspace, step->pool);
}
