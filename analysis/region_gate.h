/* SPDX-License-Identifier: MIT */
/* region_gate.h - takes a part of the network away while it runs: as soon as the step that computes a region is done,
 * the region is set to zero, and everything after sees zeros. No operator is changed, so all else costs and computes
 * what it did. */
#pragma once

#include "model/exec.h"

struct vit_region_gate {
    const struct vit_region *region; /* NULL: nothing is taken away */
    const struct vit_op *producer;
};

/* Takes this region away from now on; NULL: none. VIT_EINVAL where no operator of every forward computes it. */
int vit_region_gate_set(struct vit_region_gate *gate, const struct vit_graph *graph, const struct vit_region *region);

/* What to attach to the exec; it refers to the gate. */
struct vit_observer vit_region_gate_observer(struct vit_region_gate *gate);
