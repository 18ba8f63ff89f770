/* SPDX-License-Identifier: MIT */
/* verification.c - what the kinds of fixtures share, and the small kinds: counts, weights_file. */
#include "analysis/verification.h"

#include "model/base/status.h"

#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double vit_verification_tolerance(void)
{
    return sizeof(vit_real) == sizeof(double) ? 1e-9 : 1e-4;
}

struct vit_tally *vit_verification_tally(struct vit_verification *v, const char *kind, double tolerance)
{
    for (int i = 0; i < v->n_tally; i++)
        if (strcmp(v->tally[i].kind, kind) == 0)
            return &v->tally[i];
    if (v->n_tally == VIT_MAX_TALLIES)
        return &v->tally[VIT_MAX_TALLIES - 1];
    v->tally[v->n_tally] = (struct vit_tally){.kind = kind, .tolerance = tolerance};
    return &v->tally[v->n_tally++];
}

void vit_verification_skip(struct vit_verification *v, const char *kind, const struct cJSON *present, const char *why)
{
    if (present)
        vit_verification_tally(v, kind, 0)->note = why;
}

int vit_verification_open(struct vit_verification *v, const struct cJSON *description, int batch, const char *weights,
                          struct vit_instance *instance)
{
    int64_t img = vit_fixture_integer(description, "img"), seed = vit_fixture_integer(description, "seed");
    int64_t classes = vit_fixture_integer(description, "classes");
    if (img < 1 || img > 4096 || classes < 1 || classes > 1000000 || seed < 0)
        return vit_fail(VIT_EFORMAT, "%s: \"img\", \"classes\" or \"seed\" is missing or no proper value", v->path);
    int status = vit_verification_model(v, description);
    if (status != VIT_OK)
        return status;
    struct vit_instance_options options = {
        .model = {.batch = batch, .img = (int)img, .classes = (int)classes, .graph = v->graph},
        .threads = v->threads,
        .kernel = v->kernel,
        .keep_taps = true,
        .backward = v->backward,
        .input_gradient = v->backward,
        .weights = weights,
        .seed = (uint64_t)seed,
    };
    status = vit_instance_open_model(instance, &v->model, &options);
    return status == VIT_OK ? VIT_OK : vit_fail_in(status == VIT_EINVAL ? VIT_EFORMAT : status, "%s", v->path);
}

void vit_verification_logits(struct vit_tally *tally, const struct cJSON *logits, const struct vit_tensor *got,
                             double scale)
{
    int64_t classes = got->dim[1], i = 0, n = vit_numel(got);
    for (const struct cJSON *row = vit_fixture_first(logits); row; row = vit_fixture_next(row))
        for (const struct cJSON *item = vit_fixture_first(row); item; item = vit_fixture_next(item), i++)
            vit_tally_compare(
                tally,
                (struct vit_expected){i < n ? (double)got->data[i] : (double)NAN, vit_fixture_value(item), scale, 12},
                "logits[%lld][%lld]", (long long)(i / classes), (long long)(i % classes));
    vit_tally_equal(tally, n, i, "number of logits");
}

struct totals {
    int64_t params, bn_params, buffers, macs_attention, macs_layers;
};

/* Multiply-adds count per image whatever the batch. */
static struct totals count(const struct vit_graph *graph)
{
    struct totals t = {0};
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *tensor = graph->tensor[i];
        if (tensor->base)
            continue;
        t.params += tensor->space == VIT_SPACE_PARAM ? vit_numel(tensor) : 0;
        t.buffers += tensor->space == VIT_SPACE_BUFFER ? vit_numel(tensor) : 0;
    }
    for (int i = 0; i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        int64_t macs = vit_op_cost(op).macs / graph->batch;
        if (op->kind == VIT_OP_batch_norm)
            t.bn_params += vit_numel(op->in[1]) + vit_numel(op->in[2]);
        if (op->kind == VIT_OP_matmul)
            t.macs_attention += macs;
        else
            t.macs_layers += macs;
    }
    return t;
}

/* Multiply-adds per image of the operator NAME, or of all that start with NAME.head and end with `suffix`. */
static int64_t macs_of(const struct vit_graph *graph, const char *name, const char *suffix)
{
    int64_t sum = -1;
    size_t length = strlen(name), tail = suffix ? strlen(suffix) : 0;
    for (int i = 0; i < graph->n_op; i++) {
        const char *op = graph->op[i]->name;
        bool same = suffix ? strncmp(op, name, length) == 0 && op[length] == '.' && strlen(op) >= length + tail &&
                                 strcmp(op + strlen(op) - tail, suffix) == 0
                           : strcmp(op, name) == 0;
        if (same && !graph->op[i]->prepare)
            sum = (sum < 0 ? 0 : sum) + vit_op_cost(graph->op[i]).macs / graph->batch;
    }
    return sum;
}

static void compare_layers(struct vit_tally *tally, const struct cJSON *counts, const struct vit_graph *graph)
{
    const struct cJSON *item;
    for (item = vit_fixture_first(vit_fixture_member(counts, "layers")); item; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name");
        vit_tally_equal(tally, macs_of(graph, name ? name : "", NULL), vit_fixture_integer(item, "macs"), "%s %s macs",
                        graph->name, name ? name : "?");
    }
    for (item = vit_fixture_first(vit_fixture_member(counts, "attention")); item; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name");
        vit_tally_equal(tally, macs_of(graph, name ? name : "", ".qk"), vit_fixture_integer(item, "qk"), "%s %s qk",
                        graph->name, name ? name : "?");
        vit_tally_equal(tally, macs_of(graph, name ? name : "", ".av"), vit_fixture_integer(item, "av"), "%s %s av",
                        graph->name, name ? name : "?");
    }
}

void vit_verification_counts(struct vit_tally *tally, const struct cJSON *counts, struct vit_graph *graph)
{
    struct totals t = count(graph);
    const struct {
        const char *key;
        int64_t got;
    } total[] = {{"params", t.params},
                 {"bn_params", t.bn_params},
                 {"buffers_float", t.buffers},
                 {"macs_conv_linear", t.macs_layers},
                 {"macs_attention", t.macs_attention},
                 {"macs_total", t.macs_layers + t.macs_attention}};
    for (size_t i = 0; i < sizeof total / sizeof total[0]; i++)
        if (vit_fixture_member(counts, total[i].key))
            vit_tally_equal(tally, total[i].got, vit_fixture_integer(counts, total[i].key), "%s %s", graph->name,
                            total[i].key);
    compare_layers(tally, counts, graph);
}

int vit_verify_counts(struct vit_verification *v)
{
    struct vit_tally *tally = vit_verification_tally(v, "counts", 0);
    const struct cJSON *model = vit_fixture_first(vit_fixture_member(v->root, "models"));
    if (!model)
        return vit_fail(VIT_EFORMAT, "%s: \"models\" is missing or empty", v->path);
    for (; model; model = vit_fixture_next(model)) {
        const char *name = vit_fixture_text(model, "model");
        const struct vit_model_def *def = vit_model_find(name ? name : "");
        if (!def)
            return vit_fail_in(VIT_EFORMAT, "%s", v->path);
        struct vit_graph graph;
        int64_t img = vit_fixture_integer(model, "img");
        if (img < 1 || img > 4096)
            return vit_fail(VIT_EFORMAT, "%s: %s: \"img\" is missing or no proper value", v->path, name);
        int status = vit_model_build(&graph, def, (struct vit_model_options){.img = (int)img});
        if (status != VIT_OK)
            return vit_fail_in(VIT_EFORMAT, "%s: %s", v->path, name);
        vit_verification_counts(tally, model, &graph);
        vit_graph_close(&graph);
    }
    return VIT_OK;
}

static const struct vit_tensor *find_tensor(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; name && i < graph->n_tensor; i++)
        if (graph->tensor[i]->space <= VIT_SPACE_BUFFER && strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    return NULL;
}

/* Values as stored, read back from the graph they were loaded into. */
static void compare_listing(struct vit_tally *tally, const struct cJSON *root, const struct vit_graph *graph)
{
    const struct cJSON *item = vit_fixture_first(vit_fixture_member(root, "tensors"));
    for (; item; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name"), *dtype = vit_fixture_text(item, "dtype");
        const struct vit_tensor *tensor = find_tensor(graph, name);
        if (!tensor) {
            bool counter = dtype && strcmp(dtype, "I64") == 0; /* num_batches_tracked */
            vit_tally_equal(tally, counter, 1, "%s is not in the model", name ? name : "?");
            continue;
        }
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < vit_numel(tensor); i++) {
            sum += (double)tensor->data[i];
            squares += (double)tensor->data[i] * (double)tensor->data[i];
        }
        double rms = sqrt(squares / (double)vit_numel(tensor));
        vit_tally_compare(tally,
                          (struct vit_expected){sum, vit_fixture_value(vit_fixture_member(item, "sum")),
                                                rms * (double)vit_numel(tensor), 12},
                          "%s sum", name);
        int64_t k = 0;
        for (const struct cJSON *value = vit_fixture_first(vit_fixture_member(item, "first4")); value;
             value = vit_fixture_next(value), k++)
            vit_tally_compare(tally,
                              (struct vit_expected){k < vit_numel(tensor) ? (double)tensor->data[k] : (double)NAN,
                                                    vit_fixture_value(value), rms, 12},
                              "%s first4[%lld]", name, (long long)k);
    }
}

int vit_verify_weights_file(struct vit_verification *v)
{
    const char *file = vit_fixture_text(v->root, "file");
    int64_t batch = vit_fixture_integer(v->root, "batch");
    char folder[4096], path[8192];
    if (!file || batch < 1 || batch > 4096)
        return vit_fail(VIT_EFORMAT, "%s: \"file\" or \"batch\" is missing", v->path);
    snprintf(folder, sizeof folder, "%s", v->path);
    snprintf(path, sizeof path, "%s/%s", dirname(folder), file);
    struct vit_instance instance;
    int status = vit_verification_open(v, v->root, (int)batch, path, &instance);
    if (status != VIT_OK)
        return status;
    compare_listing(vit_verification_tally(v, "weights", 1e-12), v->root, &instance.graph);
    vit_exec_run(&instance.exec);
    double squares = 0;
    for (int64_t i = 0; i < vit_numel(instance.graph.logits); i++)
        squares += (double)instance.graph.logits->data[i] * (double)instance.graph.logits->data[i];
    vit_verification_logits(vit_verification_tally(v, "logits", vit_verification_tolerance()),
                            vit_fixture_member(v->root, "logits"), instance.graph.logits,
                            sqrt(squares / (double)vit_numel(instance.graph.logits)));
    vit_instance_close(&instance);
    return VIT_OK;
}
