/* SPDX-License-Identifier: MIT */
/* two_layers.h - the smallest net with a classifier that has all that training needs: fc (3, 4), head (2, 3), both with
 * bias, a loss, gradients, memory. */
#pragma once

#include "model/exec.h"

enum { TWO_LAYERS_NUMBERS = 12 + 3 + 6 + 2 };

struct two_layers {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
};

/* Must not be moved while open. */
void two_layers_open(struct two_layers *net, int threads);
void two_layers_close(struct two_layers *net);

/* Element i of parameter k = 0 .. 3 becomes sin(1.7 i + k), of its gradient cos(2.3 i + k), as float32. */
void two_layers_fill(struct two_layers *net);

/* The parameters, or their gradients, one after the other. */
void two_layers_read(const struct two_layers *net, bool gradients, double number[TWO_LAYERS_NUMBERS]);

/* The parameter k. */
struct vit_tensor *two_layers_parameter(const struct two_layers *net, int k);
