/* SPDX-License-Identifier: MIT */
/* noise.h - the input of dropout and stochastic depth: which random numbers a training step draws. The way back draws
 * them again, so no mask is kept; they depend on the seed, the step and the image's place among all images of the step,
 * not on threads, the batch of one process or the order of operators. */
#pragma once

#include "model/base/rng.h"
#include "model/graph.h"

/* Seed, step and first image in pieces of 16 bits, which every number type holds exactly. */
enum { VIT_NOISE_PIECES = 12 };

/* graph->noise, made when it is first asked for; NULL after a failure. */
struct vit_tensor *vit_graph_noise(struct vit_graph *graph);

/* Before every step; the tensor has memory. first_image: place of the batch's first image among those of all processes
 * in this step. noise may be NULL: a graph without them. */
void vit_noise_set(struct vit_tensor *noise, uint64_t seed, uint64_t step, uint64_t first_image);

/* For operators: the numbers of image `image` of the batch for the purpose `stream`; one per element, in order. */
struct vit_rng vit_noise_at(const struct vit_tensor *noise, int64_t stream, int64_t image);
