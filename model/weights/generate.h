/* SPDX-License-Identifier: MIT */
/* generate.h - deterministic weights and inputs from a tensor's name, a seed and its shape alone, so that a result can
 * be compared with a reference without a weight file. Values are float32 in every build. */
#pragma once

#include "model/tensor.h"

/* FNV-1a 64 of the name: the tensor's own stream. */
uint64_t vit_generate_key(const char *name);

/* Fills values (vit_numel(tensor) of them) by tensor->name and shape. */
void vit_generate_tensor(const struct vit_tensor *tensor, uint64_t seed, vit_real *values);

/* The first `count` elements of the tensor "input", uniform in [-1, 1): batches (batch, 3, img, img). A larger batch
 * begins with the smaller one's images. */
void vit_generate_input(uint64_t seed, int64_t count, vit_real *values);
