/* SPDX-License-Identifier: MIT */
/* probe_plan.h - a plan of four elementwise steps whose costs can be counted by hand, for tests of probes. */
#pragma once

#include "model/exec.h"

/* With x (batch, 3, side, side), n elements, and bias (3, 1, 1):
 *   step 0  a = scale(x)     step 1  b = add(a, bias)     step 2  c = relu(b)     step 3  logits = add(c, x) */
struct probe_plan {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
};

enum { PROBE_PLAN_STEPS = 4 };

void probe_plan_open(struct probe_plan *p, int64_t batch, int64_t side, int threads);
void probe_plan_close(struct probe_plan *p);
