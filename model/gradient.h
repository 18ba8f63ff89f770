/* SPDX-License-Identifier: MIT */
/* gradient.h - gives the tensors of a graph their gradients, so that a plan can run the operators in reverse. */
#pragma once

#include "model/graph.h"

struct vit_gradient_options {
    bool input; /* the gradient of graph->input too */
};

/* Makes tensor->grad for every tensor that the loss depends on and that depends on a parameter (or on the input, if
 * asked for). loss: one element, the output of an operator; its gradient is 1. Gradients of parameters have a space of
 * their own and are all alive at the end of a run, those of activations share the planned arena; a view's gradient is
 * the same view of its base's. Operators that ran once run in every forward from now on. Once per graph, after
 * rewrites. VIT_EINVAL names an operator that cannot go back. */
int vit_graph_differentiate(struct vit_graph *graph, struct vit_tensor *loss, struct vit_gradient_options options);
