/* SPDX-License-Identifier: MIT */
#include "model/train/tensor_pieces.h"

#include "model/base/status.h"

#include <stdlib.h>

static int64_t divide_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

static void add_tensor(struct vit_tensor_pieces *pieces, struct vit_tensor *tensor)
{
    const int64_t numel = vit_numel(tensor), line = 64 / (int64_t)sizeof(vit_real);
    for (int64_t start = 0; start < numel; start += VIT_PIECE_ELEMENTS) {
        const int64_t left = numel - start;
        pieces->piece[pieces->n_piece++] = (struct vit_tensor_piece){
            .tensor = pieces->n, .start = start, .count = left < VIT_PIECE_ELEMENTS ? left : VIT_PIECE_ELEMENTS};
    }
    pieces->place[pieces->n] = pieces->elements;
    pieces->elements += divide_up(numel, line) * line;
    pieces->tensor[pieces->n++] = tensor;
}

int vit_tensor_pieces_open(struct vit_tensor_pieces *pieces, const struct vit_graph *graph,
                           bool (*selects)(const struct vit_tensor *tensor))
{
    size_t n = 0, n_piece = 0;
    for (int i = 0; i < graph->n_tensor; i++)
        if (selects(graph->tensor[i])) {
            n++;
            n_piece += (size_t)divide_up(vit_numel(graph->tensor[i]), VIT_PIECE_ELEMENTS);
        }
    *pieces = (struct vit_tensor_pieces){.tensor = calloc(n + 1, sizeof *pieces->tensor),
                                         .place = calloc(n + 1, sizeof *pieces->place),
                                         .piece = calloc(n_piece + 1, sizeof *pieces->piece)};
    if (!pieces->tensor || !pieces->place || !pieces->piece) {
        vit_tensor_pieces_close(pieces);
        return vit_fail(VIT_ENOMEM, "out of memory: list of %zu tensors", n);
    }
    for (int i = 0; i < graph->n_tensor; i++)
        if (selects(graph->tensor[i]))
            add_tensor(pieces, graph->tensor[i]);
    return VIT_OK;
}

void vit_tensor_pieces_close(struct vit_tensor_pieces *pieces)
{
    free(pieces->tensor);
    free(pieces->place);
    free(pieces->piece);
    *pieces = (struct vit_tensor_pieces){0};
}
