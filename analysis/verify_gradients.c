/* SPDX-License-Identifier: MIT */
/* verify_gradients.c - of fixtures of kind "model": loss, gradients of parameters, input and taps, Taylor scores, in
 * eval and in train mode, and the running statistics after a step. */
#include "analysis/importance.h"
#include "analysis/verification.h"
#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOSS_DIGITS = 15, DIGITS = 12 };

/* Deviations are in units of a tensor's own largest gradient or norm. Some gradients are zero in exact arithmetic and
 * rounding noise in any other: nothing is smaller than the floor, a share of the norm of all gradients together. */
struct gradients {
    struct vit_tally *tally;
    double floor;
};

/* The double build must agree to 1e-8 of the norm. float32: eight times what a plain float32 run of the reference
 * strays at its worst parameter (a ReLU whose input rounds to the other side of zero moves whole gradients). */
static double tolerance_of(const struct cJSON *mode)
{
    double worst = vit_fixture_value(vit_fixture_member(vit_fixture_member(mode, "f32"), "grad_rel_worst"));
    return sizeof(vit_real) == sizeof(double) ? 1e-8 : fmax(1e-4, 8 * worst);
}

static double floor_of(const struct cJSON *mode, double tolerance)
{
    double total = vit_fixture_value(vit_fixture_member(mode, "grad_l2_total"));
    return (sizeof(vit_real) == sizeof(double) ? 1e-14 : 2e-6) * total / tolerance;
}

static void compare_record(const struct gradients *g, const struct cJSON *record, const struct vit_values *v)
{
    double l2 = 0, sum = 0, most = 0, n = (double)v->n;
    for (int64_t i = 0; i < v->n; i++) {
        double value = (double)v->value[i];
        l2 += value * value;
        sum += value;
        most = fmax(most, fabs(value));
    }
    double want_l2 = vit_fixture_value(vit_fixture_member(record, "l2"));
    double want_most = vit_fixture_value(vit_fixture_member(record, "max_abs"));
    double norm = fmax(want_l2, g->floor), size = fmax(want_most, g->floor);
    vit_tally_compare(g->tally, (struct vit_expected){sqrt(l2), want_l2, norm, DIGITS}, "%s l2", v->name);
    vit_tally_compare(
        g->tally,
        (struct vit_expected){sum, vit_fixture_value(vit_fixture_member(record, "sum")), norm * sqrt(n), DIGITS},
        "%s sum", v->name);
    vit_tally_compare(g->tally, (struct vit_expected){most, want_most, size, DIGITS}, "%s max_abs", v->name);
    int j = 0;
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(record, "strided8")); item;
         item = vit_fixture_next(item), j++)
        vit_tally_compare(g->tally,
                          (struct vit_expected){j < 8 ? (double)v->value[(2 * j + 1) * v->n / 16] : (double)NAN,
                                                vit_fixture_value(item), size, DIGITS},
                          "%s strided8[%d]", v->name, j);
}

static struct vit_tensor *find_parameter(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; name && i < graph->n_tensor; i++)
        if (graph->tensor[i]->space <= VIT_SPACE_BUFFER && !graph->tensor[i]->base &&
            strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    return NULL;
}

static void compare_tensor(const struct gradients *g, const struct cJSON *record, const struct vit_tensor *tensor,
                           const char *name)
{
    if (tensor && tensor->grad)
        compare_record(g, record,
                       &(struct vit_values){.name = name, .value = tensor->grad->data, .n = vit_numel(tensor)});
    else
        vit_tally_equal(g->tally, 0, 1, "%s has no gradient", name ? name : "?");
}

static void compare_parameters(const struct gradients *g, const struct cJSON *mode, const struct vit_graph *graph)
{
    double total = 0;
    int listed = 0, learned = 0;
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(mode, "grads")); item;
         item = vit_fixture_next(item), listed++) {
        const char *name = vit_fixture_text(item, "name");
        compare_tensor(g, item, find_parameter(graph, name), name);
    }
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *t = graph->tensor[i];
        if (t->space != VIT_SPACE_PARAM || t->base)
            continue;
        learned++;
        for (int64_t k = 0; t->grad && k < vit_numel(t); k++)
            total += (double)t->grad->data[k] * (double)t->grad->data[k];
    }
    vit_tally_equal(g->tally, learned, listed, "number of parameters");
    double want = vit_fixture_value(vit_fixture_member(mode, "grad_l2_total"));
    vit_tally_compare(g->tally, (struct vit_expected){sqrt(total), want, want, DIGITS}, "grad_l2_total");
}

static void compare_taps(const struct gradients *g, const struct cJSON *mode, const struct vit_graph *graph)
{
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(mode, "taps")); item;
         item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "name");
        const struct vit_tensor *tensor = NULL;
        for (int i = 0; name && i < graph->n_tap && !tensor; i++)
            if (strcmp(graph->tap[i].name, name) == 0)
                tensor = graph->tap[i].tensor;
        if (vit_fixture_member(item, "grad"))
            compare_tensor(g, vit_fixture_member(item, "grad"), tensor, name);
    }
}

/* Scores of output channels: (sum over inputs of w dL/dw)^2, with or without the bias's term in the square. */
static void taylor_scores(double *score, struct vit_tensor *w, struct vit_tensor *bias)
{
    for (int64_t o = 0; o < w->dim[0]; o++) {
        const struct vit_channel_slice slice[] = {{.weight = w, .start = o, .length = 1},
                                                  {.weight = bias, .start = o, .length = 1}};
        const struct vit_taylor_terms terms = vit_taylor_terms(slice, bias ? 2 : 1);
        score[o] = vit_taylor_score(VIT_CRITERION_SQUARED_SUM, &terms);
    }
}

static void compare_scores(struct vit_tally *tally, const struct cJSON *record, const double *score, int64_t n,
                           const char *where)
{
    double sum = 0, squares = 0, most = 0;
    int64_t argmax = 0, j = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += score[i];
        squares += score[i] * score[i];
        argmax = score[i] > score[argmax] ? i : argmax;
    }
    most = score[argmax];
    double want = vit_fixture_value(vit_fixture_member(record, "max"));
    const struct vit_expected e[] = {
        {sum, vit_fixture_value(vit_fixture_member(record, "sum")), sum, DIGITS},
        {most, want, want, DIGITS},
        {sqrt(squares), vit_fixture_value(vit_fixture_member(record, "l2")), sqrt(squares), DIGITS},
    };
    static const char *const key[] = {"sum", "max", "l2"};
    for (size_t i = 0; i < sizeof e / sizeof e[0]; i++)
        vit_tally_compare(tally, e[i], "%s %s", where, key[i]);
    /* Two channels may be as important as rounding tells: the listed one must be as large as the largest. */
    int64_t listed = vit_fixture_integer(record, "argmax");
    vit_tally_compare(
        tally, (struct vit_expected){listed >= 0 && listed < n ? score[listed] : (double)NAN, want, want, DIGITS},
        "%s argmax", where);
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(record, "strided8")); item && j < 8;
         item = vit_fixture_next(item), j++)
        vit_tally_compare(tally,
                          (struct vit_expected){score[(2 * j + 1) * n / 16], vit_fixture_value(item), want, DIGITS},
                          "%s strided8[%lld]", where, (long long)j);
}

static void compare_thirds(struct vit_tally *tally, const struct cJSON *list, const double *score, int64_t n,
                           const char *name)
{
    int64_t third = 0;
    for (const struct cJSON *item = vit_fixture_first(list); item && third < 3;
         item = vit_fixture_next(item), third++) {
        double sum = 0;
        for (int64_t i = third * n / 3; i < (third + 1) * n / 3; i++)
            sum += score[i];
        vit_tally_compare(tally, (struct vit_expected){sum, vit_fixture_value(item), sum, DIGITS}, "%s sum_qkv[%lld]",
                          name, (long long)third);
    }
}

static int compare_taylor(struct vit_tally *tally, const struct cJSON *list, const struct vit_graph *graph)
{
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item)) {
        char text[256];
        const char *name = vit_fixture_text(item, "name");
        snprintf(text, sizeof text, "%s.weight", name ? name : "?");
        struct vit_tensor *w = find_parameter(graph, text);
        snprintf(text, sizeof text, "%s.bias", name ? name : "?");
        struct vit_tensor *bias = find_parameter(graph, text);
        if (!w || !w->grad || w->dim[0] != vit_fixture_integer(item, "channels")) {
            vit_tally_equal(tally, 0, 1, "%s has no such channels", name ? name : "?");
            continue;
        }
        double *score = calloc((size_t)w->dim[0], sizeof *score);
        if (!score)
            return vit_fail(VIT_ENOMEM, "out of memory: Taylor scores");
        taylor_scores(score, w, NULL);
        snprintf(text, sizeof text, "%s weight", name);
        compare_scores(tally, vit_fixture_member(item, "weight"), score, w->dim[0], text);
        compare_thirds(tally, vit_fixture_member(item, "sum_qkv"), score, w->dim[0], name);
        taylor_scores(score, w, bias && bias->grad ? bias : NULL);
        snprintf(text, sizeof text, "%s weight_bias", name);
        if (vit_fixture_member(item, "weight_bias"))
            compare_scores(tally, vit_fixture_member(item, "weight_bias"), score, w->dim[0], text);
        free(score);
    }
    return VIT_OK;
}

static void compare_statistics(struct vit_tally *tally, const struct cJSON *list, const struct vit_graph *graph)
{
    static const char *const which[] = {"running_mean", "running_var"};
    for (const struct cJSON *item = vit_fixture_first(list); item; item = vit_fixture_next(item))
        for (int i = 0; i < 2; i++) {
            char text[256];
            snprintf(text, sizeof text, "%s.%s", vit_fixture_text(item, "name"), which[i]);
            const struct vit_tensor *t = find_parameter(graph, text);
            if (t)
                vit_tally_record(tally, vit_fixture_member(item, which[i]),
                                 (struct vit_values){.name = t->name, .value = t->data, .n = vit_numel(t)});
            else
                vit_tally_equal(tally, 0, 1, "%s is not in the model", text);
        }
}

/* Batch norms over few values divide by small deviations: the reference's own float32 logits stray ten times as far in
 * train mode as in eval. */
static double train_tolerance(void)
{
    return (sizeof(vit_real) == sizeof(double) ? 1 : 10) * vit_verification_tolerance();
}

/* Names of the tallies of one mode: string literals, since tallies keep them. */
struct names {
    const char *member, *graph, *loss, *taps, *gradients, *tap_gradients;
};

static int verify_mode(struct vit_verification *v, const struct names *names)
{
    const struct cJSON *mode = vit_fixture_member(v->root, names->member);
    int64_t batch = vit_fixture_integer(mode, "batch");
    struct vit_instance instance;
    struct vit_verification training = *v;
    training.graph = names->graph;
    training.backward = true;
    if (batch < 1 || batch > 4096)
        return vit_fail(VIT_EFORMAT, "%s: \"%s\" has no proper \"batch\"", v->path, names->member);
    int status = vit_verification_open(&training, v->root, (int)batch, NULL, &instance);
    if (status != VIT_OK)
        return status;
    double tolerance = tolerance_of(mode);
    vit_exec_run(&instance.exec);
    double loss = vit_fixture_value(vit_fixture_member(mode, "loss"));
    vit_tally_compare(vit_verification_tally(v, names->loss, vit_verification_tolerance()),
                      (struct vit_expected){(double)instance.graph.loss->data[0], loss, fmax(loss, 1), LOSS_DIGITS},
                      "%s loss", names->member);
    if (strcmp(names->member, "train") == 0)
        vit_verification_taps(&training, vit_verification_tally(v, names->taps, train_tolerance()),
                              vit_fixture_member(mode, "taps"), &instance.graph);
    struct gradients g = {vit_verification_tally(v, names->gradients, tolerance), floor_of(mode, tolerance)};
    compare_parameters(&g, mode, &instance.graph);
    compare_tensor(&g, vit_fixture_member(mode, "input_grad"), instance.graph.input, "input_grad");
    g.tally = vit_verification_tally(v, names->tap_gradients, tolerance);
    compare_taps(&g, mode, &instance.graph);
    if (vit_fixture_member(mode, "taylor"))
        status = compare_taylor(vit_verification_tally(v, "taylor", 4 * tolerance), vit_fixture_member(mode, "taylor"),
                                &instance.graph);
    if (vit_fixture_member(mode, "bn_after"))
        compare_statistics(vit_verification_tally(v, "bn_after", vit_verification_tolerance()),
                           vit_fixture_member(mode, "bn_after"), &instance.graph);
    vit_instance_close(&instance);
    return status;
}

int vit_verify_gradients(struct vit_verification *v)
{
    static const struct names modes[] = {
        {"eval", "eager", "loss", "taps", "gradients", "tap gradients"},
        {"train", "train", "train loss", "train taps", "train gradients", "train tap gradients"},
    };
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0] && status == VIT_OK; i++)
        if (vit_fixture_member(vit_fixture_member(v->root, modes[i].member), "grads"))
            status = verify_mode(v, &modes[i]);
    return status;
}
