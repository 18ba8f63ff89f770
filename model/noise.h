/* SPDX-License-Identifier: MIT */
/* noise.h - the input of dropout and stochastic depth: which random numbers a training step draws. The way back draws
 * them again, so no mask is kept; they depend on the seed, the step and the image's place among all images of the step,
 * not on threads, the batch of one process or the order of operators. */
#pragma once

#include "model/base/rng.h"
#include "model/graph.h"

/* Places of a batch's images among those of all processes in this step: the first, and from image `half` on `skip` more
 * (a rank has images of the first half of a step and their mirror images, model/data/loader.h); 0, 0: none. */
struct vit_noise_places {
    uint64_t first, half, skip;
};

/* Seed, step and places in pieces of 16 bits, which every number type holds exactly. */
enum { VIT_NOISE_PIECES = 20 };

/* graph->noise, made when it is first asked for; NULL after a failure. */
struct vit_tensor *vit_graph_noise(struct vit_graph *graph);

/* Before every step; the tensor has memory. noise may be NULL: a graph without them. */
void vit_noise_set(struct vit_tensor *noise, uint64_t seed, uint64_t step, struct vit_noise_places places);

/* For operators: the numbers of image `image` of the batch for the purpose `stream`; one per element, in order. */
struct vit_rng vit_noise_at(const struct vit_tensor *noise, int64_t stream, int64_t image);
