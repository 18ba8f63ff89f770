/* SPDX-License-Identifier: MIT */
/* memory.c - activation memory that each step holds, from the plan's lifetimes. The largest live_bytes of a plan is its
 * peak (vit_plan.peak_live_bytes); the arena (vit_plan.space_bytes) may be larger, by alignment and holes. */
#include "probes/probe.h"

static const struct vit_column column[] = {
    {"live_bytes", VIT_INT, "B", "activations alive while the step runs, its own outputs included"},
    {"workspace_bytes", VIT_INT, "B", "scratch memory of the step's kernel"},
};

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    cell[0] = vit_int((int64_t)probe->plan->step[step].live_bytes);
    cell[1] = vit_int((int64_t)probe->plan->step[step].workspace_bytes);
}

const struct vit_probe_def vit_probe_memory = {
    .name = "memory",
    .summary = "live activation bytes and workspace of each step",
    .tier = VIT_TIER_ANALYTIC,
    .scope = VIT_SCOPE_MODEL,
    .source = "tensor lifetimes",
    .flags = VIT_PROBE_STATIC,
    .n_columns = sizeof column / sizeof column[0],
    .column = column,
    .read = read_step,
};
