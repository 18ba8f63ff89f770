/* SPDX-License-Identifier: MIT */
#include "analysis/region_gate.h"

#include "model/base/status.h"

#include <string.h>

int vit_region_gate_set(struct vit_region_gate *gate, const struct vit_graph *graph, const struct vit_region *region)
{
    *gate = (struct vit_region_gate){.region = region};
    if (!region)
        return VIT_OK;
    gate->producer = vit_graph_producer(graph, region->tensor);
    if (!gate->producer || gate->producer->prepare)
        return vit_fail(VIT_EINVAL, "%s: no step of a forward computes head %d's %s", region->block, region->site.head,
                        vit_role_name(region->site.role));
    return VIT_OK;
}

static void clear(const struct vit_region *r)
{
    const struct vit_tensor *t = r->tensor;
    if (r->axis < 0) {
        memset(t->data, 0, vit_nbytes(t));
        return;
    }
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < t->ndim; i++) {
        outer *= i < r->axis ? t->dim[i] : 1;
        inner *= i > r->axis ? t->dim[i] : 1;
    }
    for (int64_t i = 0; i < outer; i++)
        memset(t->data + (i * t->dim[r->axis] + r->start) * inner, 0, (size_t)(r->length * inner) * sizeof *t->data);
}

static void begin(void *self, const struct vit_step *step)
{
    (void)self;
    (void)step;
}

static void end(void *self, const struct vit_step *step)
{
    const struct vit_region_gate *gate = self;
    if (gate->region && step->op == gate->producer && step->pass == VIT_FORWARD)
        clear(gate->region);
}

struct vit_observer vit_region_gate_observer(struct vit_region_gate *gate)
{
    return (struct vit_observer){.begin = begin, .end = end, .self = gate};
}
