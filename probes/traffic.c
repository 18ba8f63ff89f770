/* SPDX-License-Identifier: MIT */
/* traffic.c - arithmetic and compulsory bytes of each step, from shapes alone: every element that is needed is read
 * once and every element of an output written once, as if caches were endless and empty at the start of the step. A
 * lower bound for what reaches memory in an isolated step, never a measurement. */
#include "probes/probe.h"

static const struct vit_column column[] = {
    {"macs", VIT_INT, "", "multiply-accumulates of convolutions, linears and matrix products"},
    {"flops", VIT_INT, "", "2 x macs + one per other arithmetic result"},
    {"read_weight_bytes", VIT_INT, "B", "compulsory reads of parameters, buffers, constants, derived weights"},
    {"read_activation_bytes", VIT_INT, "B", "compulsory reads of inputs"},
    {"write_bytes", VIT_INT, "B", "compulsory writes of outputs"},
    {"compulsory_bytes", VIT_INT, "B", "sum of the three"},
    {"intensity_flop_per_byte", VIT_REAL, "flop/B", "arithmetic intensity: flops / compulsory_bytes"},
};

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    const struct vit_cost *cost = &probe->plan->step[step].cost;
    int64_t bytes = vit_cost_bytes(cost);
    cell[0] = vit_int(cost->macs);
    cell[1] = vit_int(cost->flops);
    cell[2] = vit_int(cost->read_weight_bytes);
    cell[3] = vit_int(cost->read_activation_bytes);
    cell[4] = vit_int(cost->write_bytes);
    cell[5] = vit_int(bytes);
    cell[6] = bytes > 0 ? vit_real_cell((double)cost->flops / (double)bytes) : vit_absent();
}

const struct vit_probe_def vit_probe_traffic = {
    .name = "traffic",
    .summary = "MACs, FLOPs and compulsory bytes by tensor role",
    .tier = VIT_TIER_ANALYTIC,
    .scope = VIT_SCOPE_MODEL,
    .source = "shapes",
    .flags = VIT_PROBE_STATIC,
    .n_columns = sizeof column / sizeof column[0],
    .column = column,
    .read = read_step,
};
