/* SPDX-License-Identifier: MIT */
/* dw (Cout, C, k, k) = sum over images and outputs of dy times x at every tap. No window is copied: some rows of
 * outputs at a time (a band), x lies in phases of its padded rows, where a tap is an offset for all outputs of the
 * band, and dy in panels at the width of a phase, with zeros between its rows. Each tap is then a product (C, band)
 * (band, Cout). Pieces are runs of bands with sums of their own, (k, k, C, Cout), added up in order at the end. */
#include "model/conv2d_weight_gradient.h"

#include "model/base/parallel.h"
#include "model/convolution.h"
#include "model/kernel_set.h"
#include "model/kernels/panel.h"

#include <string.h>

enum { PIECES = 8, STEPS = 256, MOST_CHANNELS = 256 };

struct job {
    const vit_real *x, *dy;
    vit_real *dw, *scratch, *partial;
    bool adds;
    int64_t shape[VIT_CONV_SIZES];
    int64_t images, out_channels;
    int64_t taps, columns; /* columns: of a phase */
    int64_t rows, bands;   /* rows of outputs in a band; bands of an image */
    int64_t phase, plane;  /* elements of a phase of a band, and of all phases of a channel */
    int64_t pieces, piece_bands;
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct job describe(const struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0], *y = op->out[0];
    struct job j = {.x = x->data, .dy = y->grad->data, .images = x->dim[0], .out_channels = y->dim[1]};
    vit_convolution_sizes(op, j.shape);
    const int64_t kernel = j.shape[VIT_CONV_KERNEL], stride = j.shape[VIT_CONV_STRIDE];
    const int64_t height = j.shape[VIT_CONV_OUT_HEIGHT];
    j.taps = kernel * kernel;
    j.columns = vit_phase_width(j.shape);
    j.rows = smaller(STEPS / j.columns > 1 ? STEPS / j.columns : 1, height);
    j.bands = (height + j.rows - 1) / j.rows;
    j.phase = (j.rows + (kernel - 1) / stride) * j.columns;
    j.plane = stride * stride * j.phase;
    j.piece_bands = (j.images * j.bands + PIECES - 1) / PIECES;
    j.pieces = (j.images * j.bands + j.piece_bands - 1) / j.piece_bands;
    return j;
}

bool vit_conv2d_weight_gradient_fits(const struct vit_op *op)
{
    return op->attr.stride < op->attr.kernel && op->out[0]->dim[1] <= MOST_CHANNELS;
}

static int64_t panel_elements(const struct job *j)
{
    return j->rows * j->columns * VIT_PANEL;
}

static int64_t scratch_elements(const struct job *j)
{
    return panel_elements(j) + j->shape[VIT_CONV_CHANNELS] * j->plane;
}

static int64_t partial_elements(const struct job *j)
{
    return j->taps * j->shape[VIT_CONV_CHANNELS] * j->out_channels;
}

size_t vit_conv2d_weight_gradient_workspace(const struct vit_op *op, int threads)
{
    const struct job j = describe(op);
    return (size_t)(threads * scratch_elements(&j) + j.pieces * partial_elements(&j)) * sizeof(vit_real);
}

/* Channels [channel, channel + n) of dy in rows [row, row + rows) of outputs; returns the steps. */
static int64_t pack_gradients(const struct job *j, vit_real *panel, const int64_t channel[2], int64_t image,
                              const int64_t row[2])
{
    const int64_t width = j->shape[VIT_CONV_OUT_WIDTH], pixels = j->shape[VIT_CONV_OUT_HEIGHT] * width;
    const vit_real *dy = j->dy + (image * j->out_channels + channel[0]) * pixels + row[0] * width;
    for (int64_t i = 0; i < row[1]; i++, dy += width) {
        vit_real *to = panel + i * j->columns * VIT_PANEL;
        vit_kernels()->panel_columns(to, dy, pixels, (const int64_t[]){width, channel[1]});
        if (i + 1 < row[1])
            memset(to + width * VIT_PANEL, 0, (size_t)((j->columns - width) * VIT_PANEL) * sizeof *to);
    }
    return (row[1] - 1) * j->columns + width;
}

static void add_band(const struct job *j, vit_real *scratch, vit_real *sums, int64_t band, bool adds)
{
    const int64_t channels = j->shape[VIT_CONV_CHANNELS], kernel = j->shape[VIT_CONV_KERNEL];
    const int64_t stride = j->shape[VIT_CONV_STRIDE], image = band / j->bands, first = band % j->bands * j->rows;
    const int64_t row[2] = {first, smaller(j->rows, j->shape[VIT_CONV_OUT_HEIGHT] - first)};
    vit_real *panel = scratch, *phases = scratch + panel_elements(j);
    vit_kernels()->band_phases(phases, j->x + image * channels * j->shape[VIT_CONV_HEIGHT] * j->shape[VIT_CONV_WIDTH],
                               j->shape, row, j->phase);
    for (int64_t out = 0; out < j->out_channels; out += VIT_PANEL) {
        const int64_t channel[2] = {out, smaller(VIT_PANEL, j->out_channels - out)};
        const int64_t steps = pack_gradients(j, panel, channel, image, row);
        for (int64_t tap = 0; tap < j->taps; tap++) {
            const int64_t u = tap / kernel, v = tap % kernel;
            vit_kernels()->panel_product(&(struct vit_panel_product){
                .c = sums + tap * channels * j->out_channels + out,
                .ldc = j->out_channels,
                .a = phases + (u % stride * stride + v % stride) * j->phase + u / stride * j->columns + v / stride,
                .a_row = j->plane,
                .a_column = 1,
                .panel = panel,
                .m = channels,
                .n = channel[1],
                .k = steps,
                .adds = adds});
        }
    }
}

static void sum_piece(void *context, int64_t piece, int worker)
{
    const struct job *j = context;
    const int64_t first = piece * j->piece_bands, end = smaller(first + j->piece_bands, j->images * j->bands);
    for (int64_t band = first; band < end; band++)
        add_band(j, j->scratch + worker * scratch_elements(j), j->partial + piece * partial_elements(j), band,
                 band > first);
}

/* dw of one channel of x: the pieces' sums, in their order. */
static void reduce_channel(void *context, int64_t channel, int worker)
{
    const struct job *j = context;
    const int64_t channels = j->shape[VIT_CONV_CHANNELS];
    vit_real sum[MOST_CHANNELS];
    (void)worker;
    for (int64_t tap = 0; tap < j->taps; tap++) {
        const vit_real *partial = j->partial + (tap * channels + channel) * j->out_channels;
        vit_real *dw = j->dw + channel * j->taps + tap;
        memcpy(sum, partial, (size_t)j->out_channels * sizeof *sum);
        for (int64_t piece = 1; piece < j->pieces; piece++)
            vit_kernels()->add_rows(sum, sum, partial + piece * partial_elements(j), 1, j->out_channels, 0);
        for (int64_t out = 0; out < j->out_channels; out++) {
            vit_real *to = dw + out * channels * j->taps;
            *to = j->adds ? *to + sum[out] : sum[out];
        }
    }
}

void vit_conv2d_weight_gradient(const struct vit_step *step)
{
    struct job j = describe(step->op);
    j.dw = step->op->in[1]->grad->data;
    j.adds = vit_step_adds(step, 1);
    j.scratch = step->workspace;
    j.partial = j.scratch + vit_parallel_threads(step->pool) * scratch_elements(&j);
    vit_parallel_for(step->pool, j.pieces, sum_piece, &j);
    vit_parallel_for(step->pool, j.shape[VIT_CONV_CHANNELS], reduce_channel, &j);
}
