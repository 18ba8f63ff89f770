/* SPDX-License-Identifier: MIT */
/* probe_table.c - the probes of this build, in the order of probes.def. */
#include "probes/probe.h"

#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VIT_PROBE(name) extern const struct vit_probe_def vit_probe_##name;
#include "probes/probes.def"
#undef VIT_PROBE

const struct vit_probe_def *const vit_probe_table[] = {
#define VIT_PROBE(name) &vit_probe_##name,
#include "probes/probes.def"
#undef VIT_PROBE
};

const int vit_n_probes = sizeof vit_probe_table / sizeof vit_probe_table[0];

struct vit_figure vit_probe_figure(const struct vit_probe *probe, int column)
{
    struct vit_figure figure = {
        .tier = probe->def->tier, .scope = probe->def->scope, .calibration = NAN, .run_fraction = 1};
    snprintf(figure.source, sizeof figure.source, "%s", probe->def->source);
    if (probe->def->describe && !probe->absent)
        probe->def->describe(probe, column, &figure);
    return figure;
}

const struct vit_probe_def *vit_probe_find(const char *name)
{
    char known[512] = "";
    size_t used = 0;
    for (int i = 0; i < vit_n_probes; i++) {
        if (strcmp(vit_probe_table[i]->name, name) == 0)
            return vit_probe_table[i];
        int written = snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", vit_probe_table[i]->name);
        if (written > 0 && (size_t)written < sizeof known - used)
            used += (size_t)written;
    }
    vit_fail(VIT_EINVAL, "unknown probe \"%s\"; there are: %s", name, known);
    return NULL;
}
