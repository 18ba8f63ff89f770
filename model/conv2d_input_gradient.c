/* SPDX-License-Identifier: MIT */
/* A pixel of dx is a sum over those outputs whose windows hold it. Pixels (i, j) with the same remainders of i and j by
 * the stride, a phase, have the same places in their windows, so each phase is a convolution of dy with stride 1 and
 * with the weights of these places: no product is computed that is not needed, and pieces write disjoint pixels.
 *
 * The phases share a grid of H / stride by W / stride pixels. A panel holds the windows of dy that VIT_PANEL pixels of
 * the grid see, place by place; a phase reads the rows of its places. */
#include "model/conv2d_input_gradient.h"

#include "model/base/parallel.h"
#include "model/convolution.h"
#include "model/kernel_set.h"
#include "model/kernels/panel.h"
#include "model/kernels/phases.h"

#include <string.h>

struct input_gradient {
    const vit_real *w, *dy;
    vit_real *dx;
    bool adds;
    vit_real *turned, *scratch;               /* weights phase by phase; panels and results */
    int64_t channels, out_channels;           /* of dx, of dy */
    int64_t height, width;                    /* of dx */
    int64_t kernel, stride, pad;              /* of the convolution */
    int64_t first_place;                      /* the smallest row of dy, less that of the grid, in a window */
    int64_t shape[VIT_CONV_SIZES];            /* of the windows of dy */
    int64_t columns, piece_columns, n_pieces; /* columns: pixels of the grid over all images */
};

/* Along one axis: windows of dy that see a pixel of the phase: places [first, first + n) of the panel's. */
struct phase {
    int64_t first, n;
    int64_t last_tap; /* the weight of the first place; the others are a stride less each */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct phase make_phase(const struct input_gradient *g, int64_t remainder)
{
    const int64_t tap = (remainder + g->pad) % g->stride, place = (remainder + g->pad) / g->stride;
    const int64_t n = tap < g->kernel ? (g->kernel - tap + g->stride - 1) / g->stride : 0;
    return (struct phase){.first = place - n + 1 - g->first_place, .n = n, .last_tap = tap + (n - 1) * g->stride};
}

/* Places of all phases before. */
static int64_t places_before(const struct input_gradient *g, int64_t remainder)
{
    int64_t n = 0;
    for (int64_t i = 0; i < remainder; i++)
        n += make_phase(g, i).n;
    return n;
}

static void describe_windows(struct input_gradient *g, const struct vit_op *op)
{
    const struct vit_tensor *y = op->out[0];
    int64_t first = INT64_MAX, end = INT64_MIN;
    for (int64_t i = 0; i < g->stride; i++) {
        const struct phase phase = make_phase(g, i);
        if (phase.n > 0 && phase.first < first)
            first = phase.first;
        if (phase.n > 0 && phase.first + phase.n > end)
            end = phase.first + phase.n;
    }
    g->first_place = first;
    vit_convolution_sizes(op, g->shape);
    g->shape[VIT_CONV_CHANNELS] = y->dim[1];
    g->shape[VIT_CONV_HEIGHT] = y->dim[2];
    g->shape[VIT_CONV_WIDTH] = y->dim[3];
    g->shape[VIT_CONV_OUT_HEIGHT] = (g->height + g->stride - 1) / g->stride;
    g->shape[VIT_CONV_OUT_WIDTH] = (g->width + g->stride - 1) / g->stride;
    g->shape[VIT_CONV_KERNEL] = end - first;
    g->shape[VIT_CONV_STRIDE] = 1;
    g->shape[VIT_CONV_PAD] = -first;
    if (g->kernel == 1 && g->stride == 1 && g->pad == 0) { /* the ends of rows mean nothing */
        g->shape[VIT_CONV_WIDTH] = g->shape[VIT_CONV_OUT_WIDTH] = g->width = g->height * g->width;
        g->shape[VIT_CONV_HEIGHT] = g->shape[VIT_CONV_OUT_HEIGHT] = g->height = 1;
    }
}

static struct input_gradient describe(const struct vit_op *op)
{
    enum { PIECE_MACS = 4000000 };
    const struct vit_tensor *x = op->in[0];
    struct input_gradient g = {.w = op->in[1]->data,
                               .dy = op->out[0]->grad->data,
                               .dx = x->grad->data,
                               .channels = x->dim[1],
                               .out_channels = op->out[0]->dim[1],
                               .height = x->dim[2],
                               .width = x->dim[3],
                               .kernel = op->attr.kernel,
                               .stride = op->attr.stride,
                               .pad = op->attr.pad};
    describe_windows(&g, op);
    g.columns = x->dim[0] * g.shape[VIT_CONV_OUT_HEIGHT] * g.shape[VIT_CONV_OUT_WIDTH];
    const int64_t panel_macs = VIT_PANEL * vit_numel(op->in[1]);
    g.piece_columns = panel_macs < PIECE_MACS ? PIECE_MACS / panel_macs * VIT_PANEL : VIT_PANEL;
    g.n_pieces = (g.columns + g.piece_columns - 1) / g.piece_columns;
    return g;
}

/* Results of this many channels wait in scratch while they are put together. */
enum { CHUNK = 32 };

static int64_t panel_elements(const struct input_gradient *g)
{
    return g->shape[VIT_CONV_KERNEL] * g->shape[VIT_CONV_KERNEL] * g->out_channels * VIT_PANEL;
}

static int64_t scratch_elements(const struct input_gradient *g)
{
    return panel_elements(g) + g->stride * CHUNK * VIT_PANEL;
}

size_t vit_conv2d_input_gradient_workspace(const struct vit_op *op, int threads)
{
    const struct input_gradient g = describe(op);
    return (size_t)(vit_numel(op->in[1]) + threads * scratch_elements(&g)) * sizeof(vit_real);
}

/* The turned weights of a phase: (channels, places, out_channels). */
static vit_real *turned_of(const struct input_gradient *g, int64_t row, int64_t column)
{
    const int64_t places = places_before(g, row) * g->kernel + make_phase(g, row).n * places_before(g, column);
    return g->turned + places * g->channels * g->out_channels;
}

enum { TURNED = 16 };

static void turn_phase(const struct input_gradient *g, int64_t row, int64_t column, const int64_t channel[2])
{
    const struct phase y = make_phase(g, row), x = make_phase(g, column);
    vit_real *turned = turned_of(g, row, column);
    for (int64_t out = 0; out < g->out_channels; out += TURNED)
        for (int64_t place = 0; place < y.n * x.n; place++) {
            const int64_t tap_y = y.last_tap - place / x.n * g->stride, tap_x = x.last_tap - place % x.n * g->stride;
            for (int64_t c = channel[0]; c < channel[1]; c++)
                for (int64_t o = out; o < smaller(out + TURNED, g->out_channels); o++)
                    turned[(c * y.n * x.n + place) * g->out_channels + o] =
                        g->w[((o * g->channels + c) * g->kernel + tap_y) * g->kernel + tap_x];
        }
}

static void turn_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct input_gradient *g = context;
    const int64_t channel[2] = {piece * TURNED, smaller((piece + 1) * TURNED, g->channels)};
    if (g->kernel == 1 && g->stride == 1) {
        const int64_t size[2] = {g->out_channels, channel[1] - channel[0]};
        vit_kernels()->transpose(g->turned + channel[0] * g->out_channels, g->w + channel[0], size, g->out_channels,
                                 g->channels);
        return;
    }
    for (int64_t row = 0; row < g->stride; row++)
        for (int64_t column = 0; column < g->stride; column++)
            turn_phase(g, row, column, channel);
}

/* Some channels of some pixels of one phase. */
struct part {
    int64_t row, column; /* the phase's */
    int64_t channel, channels, n;
    vit_real *c;
    int64_t ldc;
    bool adds;
};

static void multiply_part(const struct input_gradient *g, const vit_real *panel, const struct part *part)
{
    const struct phase y = make_phase(g, part->row), x = make_phase(g, part->column);
    const int64_t places = y.n * x.n, all = g->shape[VIT_CONV_KERNEL];
    const int64_t at_once = x.n == all ? places : x.n; /* neighbours in the panel */
    struct vit_panel_product product = {.c = part->c,
                                        .ldc = part->ldc,
                                        .a = turned_of(g, part->row, part->column) +
                                             part->channel * places * g->out_channels,
                                        .a_row = places * g->out_channels,
                                        .a_column = 1,
                                        .panel = panel + (y.first * all + x.first) * g->out_channels * VIT_PANEL,
                                        .m = part->channels,
                                        .n = part->n,
                                        .k = at_once * g->out_channels,
                                        .adds = part->adds};
    for (int64_t i = 0; places == 0 && !part->adds && i < part->channels; i++) /* no window holds these */
        memset(part->c + i * part->ldc, 0, (size_t)part->n * sizeof *part->c);
    for (int64_t place = 0; place < places; place += at_once) {
        vit_kernels()->panel_product(&product);
        product.a += at_once * g->out_channels;
        product.panel += all * g->out_channels * VIT_PANEL;
        product.adds = true;
    }
}

/* Rows of one remainder: result (stride, CHUNK, VIT_PANEL) to the pixels that its columns belong to. */
static void spread(const struct input_gradient *g, const vit_real *result, const struct part *part,
                   const int64_t range[2])
{
    const int64_t width = g->shape[VIT_CONV_OUT_WIDTH], height = g->shape[VIT_CONV_OUT_HEIGHT];
    for (int64_t column = 0, length; column < range[1]; column += length) {
        const int64_t at = range[0] + column, x = at % width * g->stride;
        const int64_t y = at / width % height * g->stride + part->row, image = at / width / height;
        length = smaller(width - at % width, range[1] - column);
        if (y < g->height)
            vit_kernels()->spread_phases(&(struct vit_phases){
                .y = g->dx + ((image * g->channels + part->channel) * g->height + y) * g->width + x,
                .x = result + column,
                .y_step = g->height * g->width,
                .x_step = VIT_PANEL,
                .x_phase = CHUNK * VIT_PANEL,
                .channels = part->channels,
                .n = smaller(length * g->stride, g->width - x),
                .stride = g->stride,
                .adds = g->adds});
    }
}

static void multiply_panel(const struct input_gradient *g, vit_real *panel, const int64_t range[2])
{
    const int64_t pixels = g->height * g->width, at = range[0] % pixels;
    vit_real *result = panel + panel_elements(g);
    vit_kernels()->panel_taps(panel, g->dy, g->shape, range);
    if (g->stride == 1 && at + range[1] <= pixels) {
        multiply_part(g, panel,
                      &(struct part){.channels = g->channels,
                                     .n = range[1],
                                     .c = g->dx + range[0] / pixels * g->channels * pixels + at,
                                     .ldc = pixels,
                                     .adds = g->adds});
        return;
    }
    struct part part = {.n = range[1], .ldc = VIT_PANEL};
    for (; part.channel < g->channels; part.channel += CHUNK) {
        part.channels = smaller(CHUNK, g->channels - part.channel);
        for (part.row = 0; part.row < g->stride; part.row++) {
            for (part.column = 0; part.column < g->stride; part.column++) {
                part.c = result + part.column * CHUNK * VIT_PANEL;
                multiply_part(g, panel, &part);
            }
            spread(g, result, &part, range);
        }
    }
}

static void multiply_piece(void *context, int64_t piece, int worker)
{
    const struct input_gradient *g = context;
    vit_real *panel = g->scratch + worker * scratch_elements(g);
    const int64_t first = piece * g->piece_columns, end = smaller(first + g->piece_columns, g->columns);
    for (int64_t column = first; column < end; column += VIT_PANEL)
        multiply_panel(g, panel, (const int64_t[]){column, smaller(VIT_PANEL, end - column)});
}

void vit_conv2d_input_gradient(const struct vit_step *step)
{
    struct input_gradient g = describe(step->op);
    g.adds = vit_step_adds(step, 0);
    g.turned = step->workspace;
    g.scratch = g.turned + vit_numel(step->op->in[1]);
    vit_parallel_for(step->pool, (g.channels + TURNED - 1) / TURNED, turn_piece, &g);
    vit_parallel_for(step->pool, g.n_pieces, multiply_piece, &g);
}
