/* SPDX-License-Identifier: MIT */
/* example_library.c - the library in use: example_library [MODEL [WEIGHTS.safetensors]]; MODEL may be a weight file
 * that vitscope wrote */
#include "analysis/instance.h"
#include "model/base/status.h"
#include "probes/session.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct vit_instance_options options = {.model = {.graph = "folded"}, .weights = argc > 2 ? argv[2] : NULL};
    struct vit_instance net; /* graph, plan, memory, weights (generated from a seed without a file), input */
    struct vit_session probes;
    if (vit_instance_open(&net, argc > 1 ? argv[1] : "efficientvit_m0", &options) != VIT_OK) {
        fprintf(stderr, "%s\n", vit_error());
        return 1;
    }
    if (vit_session_open(&probes, &net.plan, (const char *[]){"wall_time"}, 1) != VIT_OK) {
        fprintf(stderr, "%s\n", vit_error());
        vit_instance_close(&net);
        return 1;
    }
    vit_exec_run(&net.exec);             /* once to warm up ... */
    vit_session_run(&probes, &net.exec); /* ... and once with the clock around every operator */
    const struct vit_tensor *logits = net.graph.logits;
    int64_t top = 0, slowest = 0, worst_ns = 0;
    for (int64_t i = 1; i < logits->dim[1]; i++)
        top = logits->data[i] > logits->data[top] ? i : top;
    for (int step = 0; step < net.plan.n_step; step++) {
        struct vit_cell time_ns; /* a session has as many cells per step as its schema has columns: here one */
        vit_session_read(&probes, step, &time_ns);
        slowest = time_ns.i > worst_ns ? step : slowest;
        worst_ns = time_ns.i > worst_ns ? time_ns.i : worst_ns;
    }
    printf("%s: class %d, slowest operator %s (%.1f us)\n", net.graph.name, (int)top, net.plan.step[slowest].op->name,
           (double)worst_ns / 1000);
    vit_session_close(&probes);
    vit_instance_close(&net);
    return 0;
}
