/* SPDX-License-Identifier: MIT */
/* conv2d: y[b, o, i, j] = bias[o] + sum over c, u, v of w[o, c, u, v] * x[b, c, i * stride + u - pad, j * stride + v -
 * pad] (zero outside x). x (B, Cin, H, W), w (Cout, Cin, k, k), [bias (Cout)] -> y (B, Cout, Ho, Wo), Ho = (H + 2 pad -
 * k) / stride + 1. Attributes: kernel, stride, pad. MACs: B * Ho * Wo * Cout * Cin * k * k; FLOPs: 2 MACs + one per
 * output with a bias.
 *
 * Back: dx[b, c] = sum over o, u, v of w[o, c, u, v] dy[b, o] where it was multiplied; dw[o, c, u, v] = sum over b, i,
 * j of dy times x, dbias = sums of dy; x and w are kept. As many MACs again for each of dx and dw, one FLOP per output
 * for dbias.
 *
 * As a matrix product: w (Cout, K) times the windows (K, B * Ho * Wo), K = Cin * k * k. The windows of VIT_PANEL
 * outputs at a time are packed into scratch, where they stay while all of w passes; no full copy of the windows ever
 * exists: "panel_windows". "dots": one pixel of few images, each output a product of two rows. "openblas":
 * conv2d_blas.h. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/conv2d_backward.h"
#include "model/conv2d_blas.h"
#include "model/convolution.h"
#include "model/kernel_set.h"
#include "model/kernels/panel.h"
#include "model/plan.h"

#include <string.h>

struct convolution {
    const vit_real *x, *w, *bias;
    vit_real *y, *scratch;
    int64_t shape[VIT_CONV_SIZES];
    int64_t out_channels, k;
    int64_t columns;           /* outputs of one channel over all images */
    int64_t piece_columns;     /* a multiple of VIT_PANEL */
    int64_t piece_channels;    /* dots */
    struct vit_access *access; /* NULL: compute; else name what that touches */
};

static struct convolution describe(const struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    struct convolution c = {.x = x->data,
                            .w = op->in[1]->data,
                            .bias = op->n_in > 2 ? op->in[2]->data : NULL,
                            .y = y->data,
                            .out_channels = y->dim[1],
                            .k = x->dim[1] * op->attr.kernel * op->attr.kernel,
                            .columns = y->dim[0] * y->dim[2] * y->dim[3]};
    vit_convolution_sizes(op, c.shape);
    /* The ends of rows mean nothing to 1x1 windows: one long row is packed in longer runs. */
    if (op->attr.kernel == 1 && op->attr.stride == 1 && op->attr.pad == 0) {
        c.shape[VIT_CONV_WIDTH] = c.shape[VIT_CONV_OUT_WIDTH] = x->dim[2] * x->dim[3];
        c.shape[VIT_CONV_HEIGHT] = c.shape[VIT_CONV_OUT_HEIGHT] = 1;
    }
    enum { PIECE_MACS = 4000000 };
    const int64_t panel_macs = VIT_PANEL * c.k * c.out_channels;
    c.piece_columns = panel_macs < PIECE_MACS ? PIECE_MACS / panel_macs * VIT_PANEL : VIT_PANEL;
    return c;
}

/* Results of this many channels wait in scratch while a panel spans several images. */
enum { CHUNK = 32 };

static size_t scratch_elements(const struct convolution *c)
{
    return (size_t)((c->k + CHUNK) * VIT_PANEL);
}

static size_t workspace(const struct vit_op *op, int threads)
{
    const struct convolution c = describe(op);
    return (size_t)threads * scratch_elements(&c) * sizeof(vit_real);
}

static void copy(const struct convolution *c, vit_real *to, const vit_real *from, int64_t n)
{
    const size_t bytes = (size_t)n * sizeof *to;
    if (c->access)
        vit_access_zip(c->access, &(struct vit_zip){.y = to, .a = from, .bytes = bytes});
    else
        memcpy(to, from, bytes);
}

/* y of `channels` channels from first: result (channels, VIT_PANEL) to the images that its columns belong to. */
static void scatter(const struct convolution *c, const vit_real *result, const int64_t channel[2],
                    const int64_t range[2])
{
    const int64_t pixels = c->shape[VIT_CONV_OUT_HEIGHT] * c->shape[VIT_CONV_OUT_WIDTH];
    for (int64_t column = 0; column < range[1];) {
        const int64_t image = (range[0] + column) / pixels, at = (range[0] + column) % pixels;
        const int64_t length = pixels - at < range[1] - column ? pixels - at : range[1] - column;
        vit_real *to = c->y + (image * c->out_channels + channel[0]) * pixels + at;
        for (int64_t o = 0; o < channel[1]; o++)
            copy(c, to + o * pixels, result + o * VIT_PANEL + column, length);
        column += length;
    }
}

static void pack(const struct convolution *c, vit_real *panel, const int64_t range[2])
{
    if (c->access)
        vit_kernels()->panel_windows_stream(c->access, panel, c->x, c->shape, range);
    else
        vit_kernels()->panel_windows(panel, c->x, c->shape, range);
}

static void multiply(const struct convolution *c, const struct vit_panel_product *product)
{
    if (c->access)
        vit_kernels()->panel_product_stream(c->access, product);
    else
        vit_kernels()->panel_product(product);
}

static void multiply_panel(const struct convolution *c, vit_real *panel, const int64_t range[2])
{
    const int64_t pixels = c->shape[VIT_CONV_OUT_HEIGHT] * c->shape[VIT_CONV_OUT_WIDTH];
    const int64_t image = range[0] / pixels, at = range[0] % pixels;
    struct vit_panel_product product = {.ldc = VIT_PANEL,
                                        .a = c->w,
                                        .a_row = c->k,
                                        .a_column = 1,
                                        .panel = panel,
                                        .row_bias = c->bias,
                                        .n = range[1],
                                        .k = c->k};
    pack(c, panel, range);
    if (at + range[1] <= pixels) {
        product.c = c->y + image * c->out_channels * pixels + at;
        product.ldc = pixels;
        product.m = c->out_channels;
        multiply(c, &product);
        return;
    }
    product.c = panel + c->k * VIT_PANEL;
    for (int64_t first = 0; first < c->out_channels; first += CHUNK) {
        const int64_t channel[2] = {first, c->out_channels - first < CHUNK ? c->out_channels - first : CHUNK};
        product.a = c->w + first * c->k;
        product.row_bias = c->bias ? c->bias + first : NULL;
        product.m = channel[1];
        multiply(c, &product);
        scatter(c, product.c, channel, range);
    }
}

static void multiply_piece(void *context, int64_t piece, int worker)
{
    const struct convolution *c = context;
    vit_real *panel = c->scratch + (size_t)worker * scratch_elements(c);
    const int64_t first = piece * c->piece_columns;
    const int64_t end = first + c->piece_columns < c->columns ? first + c->piece_columns : c->columns;
    for (int64_t column = first; column < end; column += VIT_PANEL)
        multiply_panel(c, panel, (const int64_t[]){column, end - column < VIT_PANEL ? end - column : VIT_PANEL});
}

static void panels_walk(const struct vit_step *step, struct vit_access *access)
{
    struct convolution c = describe(step->op);
    c.scratch = step->workspace;
    c.access = access;
    vit_parallel_for(access ? NULL : step->pool, (c.columns + c.piece_columns - 1) / c.piece_columns, multiply_piece,
                     &c);
}

static void panels_forward(const struct vit_step *step)
{
    panels_walk(step, NULL);
}

static bool is_pixel_of_few_images(const struct vit_op *op)
{
    enum { FEW_IMAGES = 4 };
    const struct vit_tensor *x = op->in[0];
    return x->dim[0] <= FEW_IMAGES && x->dim[2] == 1 && x->dim[3] == 1 && op->attr.kernel == 1 && op->attr.pad == 0;
}

static void dots_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct convolution *c = context;
    const int64_t first = piece * c->piece_channels, left = c->out_channels - first;
    const int64_t size[2] = {left < c->piece_channels ? left : c->piece_channels, c->k};
    const vit_real *w = c->w + first * c->k, *bias = c->bias ? c->bias + first : NULL;
    for (int64_t image = 0; image < c->columns; image++) {
        vit_real *y = c->y + image * c->out_channels + first;
        const vit_real *x = c->x + image * c->k;
        if (c->access)
            vit_kernels()->dot_rows_stream(c->access, y, x, w, bias, size);
        else
            vit_kernels()->dot_rows(y, x, w, bias, size);
    }
}

static void dots_walk(const struct vit_step *step, struct vit_access *access)
{
    enum { PIECE_WEIGHTS = 100000 };
    struct convolution c = describe(step->op);
    c.piece_channels = c.k < PIECE_WEIGHTS ? PIECE_WEIGHTS / c.k : 1;
    c.access = access;
    vit_parallel_for(access ? NULL : step->pool, (c.out_channels + c.piece_channels - 1) / c.piece_channels, dots_piece,
                     &c);
}

static void dots_forward(const struct vit_step *step)
{
    dots_walk(step, NULL);
}

static void backward_count(const struct vit_op *op, struct vit_cost *cost)
{
    vit_convolution_cost(op, cost);
    cost->macs *= (op->in[0]->grad != NULL) + (op->in[1]->grad != NULL);
    cost->flops = 2 * cost->macs + (op->n_in > 2 && op->in[2]->grad ? vit_numel(op->out[0]) : 0);
}

static const struct vit_kernel kernels[] = {
    {.name = "dots", .supports = is_pixel_of_few_images, .forward = dots_forward, .stream = dots_walk},
    {.name = "panel_windows", .workspace = workspace, .forward = panels_forward, .stream = panels_walk},
    {.name = "openblas",
     .workspace = vit_conv2d_blas_workspace,
     .forward = vit_conv2d_blas_forward,
     .stream = vit_conv2d_blas_stream,
     .blas = true},
    {0}};

static const struct vit_kernel backward_kernels[] = {
    {.name = "panel_windows", .workspace = vit_conv2d_backward_workspace, .forward = vit_conv2d_backward}, {0}};

const struct vit_op_def vit_op_conv2d = {.name = "conv2d",
                                         .op_class = VIT_CLASS_CONV,
                                         .min_in = 2,
                                         .max_in = 3,
                                         .outputs = 1,
                                         .infer = vit_convolution_infer,
                                         .cost = vit_convolution_cost,
                                         .cpu = kernels,
                                         .backward = backward_kernels,
                                         .backward_reads = VIT_READS_IN(0) | VIT_READS_IN(1),
                                         .backward_cost = backward_count,
                                         .reads = vit_convolution_reads};
