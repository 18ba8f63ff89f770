/* SPDX-License-Identifier: MIT */
/* tensor_pieces.h - some tensors of a graph, cut into pieces of work by their sizes alone, so that what is computed
 * over them is the same for any number of threads; and places for as many numbers in memory of another owner (moments
 * of an optimiser, averages). */
#pragma once

#include "model/graph.h"

/* Large enough that sharing out costs nothing, small enough that a net of some hundred thousand weights keeps all
 * threads busy. */
enum { VIT_PIECE_ELEMENTS = 16384 };

struct vit_tensor_piece {
    int tensor;
    int64_t start, count; /* elements of the tensor */
};

struct vit_tensor_pieces {
    struct vit_tensor **tensor; /* (n), in the order of the graph */
    int64_t *place;             /* (n) first element in memory of `elements` numbers, aligned to cache lines */
    int n;
    int64_t elements;
    struct vit_tensor_piece *piece; /* (n_piece), tensor by tensor */
    int64_t n_piece;
};

/* A parameter that has a gradient: what training changes. */
static inline bool vit_is_learned(const struct vit_tensor *tensor)
{
    return !tensor->base && tensor->space == VIT_SPACE_PARAM && tensor->grad;
}

/* The tensors that `selects` agrees to. On failure nothing is left to close. */
int vit_tensor_pieces_open(struct vit_tensor_pieces *pieces, const struct vit_graph *graph,
                           bool (*selects)(const struct vit_tensor *tensor));
void vit_tensor_pieces_close(struct vit_tensor_pieces *pieces);
