/* SPDX-License-Identifier: MIT */
#include "analysis/selftest_kernels.h"

static struct vit_tensor *input(struct vit_graph *graph, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(graph, name, VIT_SPACE_INPUT, ndim, dim);
}

static struct vit_tensor *weight(struct vit_graph *graph, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(graph, name, VIT_SPACE_PARAM, ndim, dim);
}

/* Rows of 1024 elements. */
static void rows_of(int64_t dim[2], int64_t bytes)
{
    dim[1] = 1024;
    dim[0] = bytes / (dim[1] * (int64_t)sizeof(vit_real));
}

/* y = x, all of it: the first half of the bytes to the second. */
static void build_copy(struct vit_graph *graph, int64_t bytes)
{
    int64_t dim[2];
    rows_of(dim, bytes / 2);
    graph->logits = vit_add_op(graph, VIT_OP_slice, "copy",
                               ((struct vit_attr){.axis = 0, .start = 0, .length = dim[0]}), input(graph, "x", 2, dim));
}

/* y = a + b, the traffic of STREAM's triad. */
static void build_triad(struct vit_graph *graph, int64_t bytes)
{
    int64_t dim[2];
    rows_of(dim, bytes / 3);
    graph->logits = vit_add_op(graph, VIT_OP_add, "triad", ((struct vit_attr){0}), input(graph, "a", 2, dim),
                               input(graph, "b", 2, dim));
}

/* One row times a matrix: as many products of two vectors as it has rows, nearly all of it read, nearly nothing
 * written. */
static void build_dot(struct vit_graph *graph, int64_t bytes)
{
    int64_t dim[2];
    rows_of(dim, bytes);
    graph->logits = vit_add_op(graph, VIT_OP_linear, "dot", ((struct vit_attr){0}),
                               input(graph, "x", 2, (int64_t[]){1, dim[1]}), weight(graph, "w", 2, dim));
}

/* Square, A, B, C and the packed panel of B together well inside the last cache: each line comes once. */
static void build_gemm(struct vit_graph *graph, int64_t bytes)
{
    int64_t side = 64;
    while (4 * (side + 64) * (side + 64) * (int64_t)sizeof(vit_real) < bytes && side < 512)
        side += 64;
    const int64_t dim[2] = {side, side};
    graph->logits = vit_add_op(graph, VIT_OP_matmul, "sgemm", ((struct vit_attr){0}), input(graph, "a", 2, dim),
                               input(graph, "b", 2, dim));
}

/* 3 x 3 over maps of 56 x 56: the rows that a window shares with the next one stay in the first cache. */
static void build_depthwise(struct vit_graph *graph, int64_t bytes)
{
    const int64_t map = 56 * 56 * (int64_t)sizeof(vit_real), channels = 96, images = bytes / (2 * map * channels);
    const int64_t dim[4] = {images > 0 ? images : 1, channels, 56, 56};
    graph->logits =
        vit_add_op(graph, VIT_OP_depthwise_conv2d, "depthwise", ((struct vit_attr){.kernel = 3, .stride = 1, .pad = 1}),
                   input(graph, "x", 4, dim), weight(graph, "w", 4, (int64_t[]){channels, 1, 3, 3}));
}

const struct vit_selftest_kernel vit_selftest_kernels[] = {
    {"copy", "y = x (operator slice)", build_copy, false},
    {"triad", "y = a + b (operator add)", build_triad, false},
    {"dot", "rows of a matrix times a vector (operator linear)", build_dot, false},
    {"sgemm", "square product inside the last cache (operator matmul)", build_gemm, true},
    {"depthwise", "3 x 3 depthwise convolution of 56 x 56 maps", build_depthwise, false},
};
const int vit_n_selftest_kernels = (int)(sizeof vit_selftest_kernels / sizeof vit_selftest_kernels[0]);

static int64_t round_up(int64_t bytes, int64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Every tensor and the packing buffer: distinct lines, each fetched once; those written go back. */
struct vit_known_traffic vit_known_traffic_of(const struct vit_step *step, int64_t page_bytes)
{
    enum { LINE = 64 };
    const struct vit_op *op = step->op;
    struct vit_known_traffic known = {0};
    const int64_t packed = (int64_t)step->workspace_bytes;
    for (int i = 0; i < op->n_in; i++) {
        known.read += (int64_t)vit_nbytes(op->in[i]);
        known.fill += round_up((int64_t)vit_nbytes(op->in[i]), LINE);
        known.pages += round_up((int64_t)vit_nbytes(op->in[i]), page_bytes);
    }
    for (int i = 0; i < op->n_out; i++) {
        known.written += (int64_t)vit_nbytes(op->out[i]);
        known.fill += round_up((int64_t)vit_nbytes(op->out[i]), LINE);
        known.wb += round_up((int64_t)vit_nbytes(op->out[i]), LINE);
        known.pages += round_up((int64_t)vit_nbytes(op->out[i]), page_bytes);
    }
    known.fill += round_up(packed, LINE);
    known.wb += round_up(packed, LINE);
    known.pages += round_up(packed, page_bytes);
    return known;
}
