/* SPDX-License-Identifier: MIT */
#include "model/rewrite.h"

#include "model/base/status.h"
#include "model/base/text.h"

#include <string.h>

#define VIT_REWRITE(name) extern const struct vit_rewrite_def vit_rewrite_##name;
#include "model/rewrites/rewrites.def"
#undef VIT_REWRITE

const struct vit_rewrite_def *const vit_rewrite_table[] = {
#define VIT_REWRITE(name) &vit_rewrite_##name,
#include "model/rewrites/rewrites.def"
#undef VIT_REWRITE
};
const int vit_n_rewrites = (int)(sizeof vit_rewrite_table / sizeof vit_rewrite_table[0]);

const struct vit_graph_variant vit_graph_variants[] = {
#define VIT_GRAPH(variant, list, text) {.name = #variant, .summary = (text), .rewrites = (list)},
#include "model/rewrites/graphs.def"
#undef VIT_GRAPH
};
const int vit_n_graph_variants = (int)(sizeof vit_graph_variants / sizeof vit_graph_variants[0]);

/* A rewrite's position in rewrites.def is its place in every list: one order for all variants. */
static int apply_all(struct vit_graph *graph, const char *list)
{
    for (int i = 0; i < vit_n_rewrites; i++) {
        if (!vit_text_listed(list, vit_rewrite_table[i]->name))
            continue;
        int status = vit_rewrite_table[i]->apply(graph);
        if (status != VIT_OK)
            return status;
    }
    return VIT_OK;
}

int vit_graph_rewrite(struct vit_graph *graph, const char *variant)
{
    for (int i = 0; i < vit_n_graph_variants; i++)
        if (strcmp(vit_graph_variants[i].name, variant) == 0)
            return apply_all(graph, vit_graph_variants[i].rewrites);
    char names[128] = "";
    for (int i = 0; i < vit_n_graph_variants; i++) {
        strncat(names, i ? ", " : "", sizeof names - strlen(names) - 1);
        strncat(names, vit_graph_variants[i].name, sizeof names - strlen(names) - 1);
    }
    return vit_fail(VIT_EINVAL, "graph \"%s\" is unknown; there are %s", variant, names);
}

void vit_graph_drop_ops(struct vit_graph *graph, const bool *drop)
{
    int kept = 0;
    for (int i = 0; i < graph->n_op; i++)
        if (!drop[i])
            graph->op[kept++] = graph->op[i];
    graph->n_op = kept;
}
