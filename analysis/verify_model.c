/* SPDX-License-Identifier: MIT */
/* verify_model.c - fixtures of kind "model": weights, input, logits, loss, taps, attention maps, counts. */
#include "analysis/logit_row.h"
#include "analysis/verification.h"
#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The input and float32 weights are listed with 9 digits; their sums with 12. */
static void compare_weights(struct vit_tally *tally, const struct cJSON *list, const struct vit_graph *graph)
{
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name");
        const struct vit_tensor *t = NULL;
        for (int i = 0; name && i < graph->n_tensor && !t; i++)
            if (graph->tensor[i]->space <= VIT_SPACE_BUFFER && strcmp(graph->tensor[i]->name, name) == 0)
                t = graph->tensor[i];
        if (!t) {
            vit_tally_equal(tally, 0, 1, "%s is not in the model", name ? name : "?");
            continue;
        }
        int64_t n = vit_numel(t);
        double sum = 0, size = 0, listed = 1;
        for (const struct cJSON *d = vit_fixture_first(vit_fixture_member(item, "shape")); d; d = vit_fixture_next(d))
            listed *= vit_fixture_value(d);
        vit_tally_equal(tally, n, listed >= 0 && listed < 1e15 ? (int64_t)listed : -1, "%s elements", name);
        for (int64_t i = 0; i < n; i++) {
            sum += (double)t->data[i];
            size += fabs((double)t->data[i]);
        }
        const struct vit_expected e[] = {
            {sum, vit_fixture_value(vit_fixture_member(item, "sum")), size, 12},
            {(double)t->data[0], vit_fixture_value(vit_fixture_member(item, "v0")), 1, 9},
            {(double)t->data[n - 1], vit_fixture_value(vit_fixture_member(item, "vlast")), 1, 9},
        };
        for (size_t i = 0; i < sizeof e / sizeof e[0]; i++)
            vit_tally_compare(tally, e[i], "%s %s", name, i == 0 ? "sum" : i == 1 ? "v0" : "vlast");
    }
}

/* Folding leaves no value between the norm of the EfficientViT head and its linear. */
static bool is_folded_away(const struct vit_verification *v, const char *tap)
{
    return v->graph && strcmp(v->graph, "eager") != 0 && strcmp(tap, "head.bn") == 0;
}

void vit_verification_taps(struct vit_verification *v, struct vit_tally *tally, const struct cJSON *list,
                           const struct vit_graph *graph)
{
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name");
        const struct vit_tensor *tensor = NULL;
        for (int i = 0; name && i < graph->n_tap && !tensor; i++)
            if (strcmp(graph->tap[i].name, name) == 0)
                tensor = graph->tap[i].tensor;
        if (tensor)
            vit_tally_record(tally, item,
                             (struct vit_values){.name = name, .value = tensor->data, .n = vit_numel(tensor)});
        else if (name && is_folded_away(v, name))
            vit_verification_skip(v, "tap head.bn", item, "folded into head.linear in this graph");
        else
            vit_tally_equal(tally, 0, 1, "tap %s is not in the graph", name ? name : "?");
    }
}

/* The attention map of one head: element (window, query, key) of batch item 0. */
struct head_map {
    const vit_real *value;
    int64_t window_stride; /* elements from one window to the next */
    int64_t tokens;
    int64_t area; /* tokens * tokens */
    int64_t windows;
};

static bool find_head(const struct vit_graph *graph, const char *block, int head, struct head_map *map)
{
    for (int i = 0; i < graph->n_region; i++) {
        const struct vit_region *r = &graph->region[i];
        if (r->site.role != VIT_ROLE_SCORE || strcmp(r->block, block) != 0 || r->site.head != head)
            continue;
        int64_t tokens = r->tensor->dim[r->tensor->ndim - 1], area = tokens * tokens;
        int64_t heads = r->axis < 0 ? 1 : r->tensor->dim[1];
        *map = (struct head_map){.value = r->tensor->data + (r->axis < 0 ? 0 : r->start * area),
                                 .window_stride = heads * area,
                                 .tokens = tokens,
                                 .area = area,
                                 .windows = r->tensor->dim[0] / graph->batch};
        return true;
    }
    return false;
}

/* Statistics over all windows of batch item 0. */
static void compare_head(struct vit_tally *tally, const struct cJSON *record, const struct head_map *map,
                         const char *where)
{
    int64_t n = map->windows * map->area;
    vit_real *flat = calloc((size_t)n, sizeof *flat);
    if (!flat) {
        vit_tally_equal(tally, 0, 1, "%s: out of memory", where);
        return;
    }
    double entropy = 0, largest = 0;
    for (int64_t w = 0; w < map->windows; w++)
        memcpy(flat + w * map->area, map->value + w * map->window_stride, (size_t)map->area * sizeof *flat);
    for (int64_t i = 0; i < n; i++) {
        double p = (double)flat[i];
        entropy -= p > 0 ? p * log(p) : 0;
        largest = fmax(largest, p);
    }
    entropy /= (double)(map->windows * map->tokens);
    vit_tally_record(tally, record, (struct vit_values){.name = where, .value = flat, .n = n, .relative = true});
    double max = vit_fixture_value(vit_fixture_member(record, "max"));
    vit_tally_compare(tally, (struct vit_expected){largest, max, max, 12}, /* far outside the standard deviation */
                      "%s max", where);
    vit_tally_compare(tally,
                      (struct vit_expected){entropy, vit_fixture_value(vit_fixture_member(record, "entropy")), 1, 12},
                      "%s entropy", where);
    free(flat);
}

/* One listed element of a map, with 6 digits; in units of its head's standard deviation, or of itself where it is
 * larger: a probability's float32 error is relative to it. */
static void compare_element(struct vit_tally *tally, double std, double got, const struct cJSON *want,
                            const char *where)
{
    double value = vit_fixture_value(want);
    vit_tally_compare(tally, (struct vit_expected){got, value, fmax(std, fabs(value)), 6}, "%s", where);
}

static double head_std(const struct cJSON *record, int64_t head)
{
    const struct cJSON *item = vit_fixture_first(vit_fixture_member(record, "per_head"));
    for (; item && head > 0; head--)
        item = vit_fixture_next(item);
    return vit_fixture_value(vit_fixture_member(item, "std"));
}

/* "full" is A[window][head][query][key]; "rows" lists single (window, head, query). heads and tokens are the graph's.
 */
static void compare_listed_maps(struct vit_tally *tally, const struct cJSON *record, const struct vit_graph *graph,
                                const char *block)
{
    int64_t heads = vit_fixture_integer(record, "heads"), tokens = vit_fixture_integer(record, "tokens"), i = 0;
    int64_t area = tokens * tokens;
    struct head_map map;
    char where[160];
    const struct cJSON *item = vit_fixture_first(vit_fixture_member(record, "full"));
    for (; item; item = vit_fixture_next(item), i++) {
        int64_t head = i / area % heads, window = i / area / heads;
        bool found = find_head(graph, block, (int)head, &map) && window < map.windows;
        snprintf(where, sizeof where, "%s full[%lld]", block, (long long)i);
        compare_element(tally, head_std(record, head),
                        found ? (double)map.value[window * map.window_stride + i % area] : (double)NAN, item, where);
    }
    for (const struct cJSON *row = vit_fixture_first(vit_fixture_member(record, "rows")); row;
         row = vit_fixture_next(row)) {
        int64_t window = vit_fixture_integer(row, "window"), head = vit_fixture_integer(row, "head");
        int64_t query = vit_fixture_integer(row, "query"), key = 0;
        bool found = head >= 0 && head < heads && find_head(graph, block, (int)head, &map) && window >= 0 &&
                     window < map.windows && query >= 0 && query < tokens;
        double std = head_std(record, head);
        for (item = vit_fixture_first(vit_fixture_member(row, "v")); item; item = vit_fixture_next(item), key++) {
            snprintf(where, sizeof where, "%s window %lld head %lld query %lld key %lld", block, (long long)window,
                     (long long)head, (long long)query, (long long)key);
            compare_element(tally, std,
                            found && key < tokens ? (double)map.value[window * map.window_stride + query * tokens + key]
                                                  : (double)NAN,
                            item, where);
        }
    }
}

static int count_heads(const struct vit_graph *graph, const char *block)
{
    int n = 0;
    for (int i = 0; i < graph->n_region; i++)
        n += graph->region[i].site.role == VIT_ROLE_SCORE && strcmp(graph->region[i].block, block) == 0;
    return n;
}

static void compare_heads(struct vit_tally *tally, const struct cJSON *item, const struct vit_graph *graph,
                          const char *block)
{
    int head = 0;
    const struct cJSON *record = vit_fixture_first(vit_fixture_member(item, "per_head"));
    for (; record; record = vit_fixture_next(record), head++) {
        struct head_map map;
        char where[128];
        snprintf(where, sizeof where, "%s head %d", block, head);
        if (find_head(graph, block, head, &map))
            compare_head(tally, record, &map, where);
        else
            vit_tally_equal(tally, 0, 1, "%s is not in the graph", where);
    }
}

/* Maps are read with the sizes of the listing: only where these are the graph's. */
static void compare_attention(struct vit_tally *tally, const struct cJSON *list, const struct vit_graph *graph)
{
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item)) {
        const char *block = vit_fixture_text(item, "block");
        struct head_map map;
        if (!block || !find_head(graph, block, 0, &map)) {
            vit_tally_equal(tally, 0, 1, "attention %s is not in the graph", block ? block : "?");
            continue;
        }
        int64_t heads = vit_fixture_integer(item, "heads"), tokens = vit_fixture_integer(item, "tokens");
        vit_tally_equal(tally, map.windows, vit_fixture_integer(item, "windows"), "%s windows", block);
        vit_tally_equal(tally, map.tokens, tokens, "%s tokens", block);
        vit_tally_equal(tally, count_heads(graph, block), heads, "%s heads", block);
        compare_heads(tally, item, graph, block);
        if (map.tokens == tokens && count_heads(graph, block) == heads)
            compare_listed_maps(tally, item, graph, block);
    }
}

/* Mean cross entropy of the logits with label i mod classes. */
static double mean_loss(const struct vit_tensor *logits)
{
    double loss = 0;
    int64_t classes = logits->dim[1];
    for (int64_t i = 0; i < logits->dim[0]; i++)
        loss += vit_logit_loss(logits->data + i * classes, classes, i % classes);
    return loss / (double)logits->dim[0];
}

static void compare_forward(struct vit_verification *v, const struct cJSON *eval, struct vit_instance *instance)
{
    double tolerance = vit_verification_tolerance();
    const struct vit_tensor *logits = instance->graph.logits;
    const struct cJSON *record = vit_fixture_member(eval, "logits_rec");
    double scale = vit_fixture_value(vit_fixture_member(record, "std"));
    struct vit_tally *tally = vit_verification_tally(v, "logits", tolerance);
    vit_verification_logits(tally, vit_fixture_member(eval, "logits"), logits, scale);
    vit_tally_record(tally, record,
                     (struct vit_values){.name = "logits_rec", .value = logits->data, .n = vit_numel(logits)});
    vit_tally_compare(
        vit_verification_tally(v, "loss", tolerance),
        (struct vit_expected){mean_loss(logits), vit_fixture_value(vit_fixture_member(eval, "loss")), scale, 15},
        "eval loss");
    vit_verification_taps(v, vit_verification_tally(v, "taps", tolerance), vit_fixture_member(eval, "taps"),
                          &instance->graph);
    compare_attention(vit_verification_tally(v, "attention", tolerance), vit_fixture_member(eval, "attention"),
                      &instance->graph);
}

static void list_skipped(struct vit_verification *v, const struct cJSON *eval)
{
    vit_verification_skip(v, "relu_inputs", vit_fixture_member(eval, "relu_inputs"), "a guide for gradient tolerances");
}

int vit_verify_model(struct vit_verification *v)
{
    const struct cJSON *eval = vit_fixture_member(v->root, "eval");
    int64_t batch = vit_fixture_integer(eval, "batch");
    if (batch < 1 || batch > 4096)
        return vit_fail(VIT_EFORMAT, "%s: \"eval\" with its \"batch\" is missing", v->path);
    struct vit_instance instance;
    int status = vit_verification_open(v, v->root, (int)batch, NULL, &instance);
    if (status != VIT_OK)
        return status;
    struct vit_graph *graph = &instance.graph;
    struct vit_tally *weights = vit_verification_tally(v, "weights", 1e-12);
    compare_weights(weights, vit_fixture_member(v->root, "weights"), graph);
    vit_tally_record(weights, vit_fixture_member(v->root, "input"),
                     (struct vit_values){.name = "input", .value = graph->input->data, .n = vit_numel(graph->input)});
    vit_exec_run(&instance.exec);
    compare_forward(v, eval, &instance);
    const struct cJSON *similarity = vit_fixture_member(eval, "similarity");
    if (vit_fixture_first(similarity)) /* else a network without attention */
        status = vit_verify_similarity(v, similarity, graph);
    vit_instance_close(&instance);
    if (status != VIT_OK)
        return status;
    struct vit_tally *counts = vit_verification_tally(v, "counts", 0);
    struct vit_graph eager; /* counts are those of the unfolded network */
    status = vit_model_build(&eager, instance.model,
                             (struct vit_model_options){.img = (int)vit_fixture_integer(v->root, "img"),
                                                        .classes = (int)vit_fixture_integer(v->root, "classes")});
    if (status != VIT_OK)
        return status;
    vit_verification_counts(counts, vit_fixture_member(v->root, "counts"), &eager);
    vit_graph_close(&eager);
    list_skipped(v, eval);
    return vit_verify_gradients(v);
}
