/* SPDX-License-Identifier: MIT */
/* verify_adamw.c - of fixtures of kind "adamw": some steps on one batch, with decay of all parameters and of matrices
 * only: losses, norms of gradients and parameters on the way, logits and parameters at the end. */
#include "analysis/verification.h"
#include "model/base/status.h"
#include "model/train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOSS_DIGITS = 15, DIGITS = 12, MOST_STEPS = 1000 };

static const bool is_double = sizeof(vit_real) == sizeof(double);

/* One run of the file in progress. */
struct trajectory {
    struct vit_verification *v;
    const struct cJSON *run;
    struct vit_instance instance;
    struct vit_optimizer optimizer;
    double lr;
    int64_t steps;
    bool *noise; /* (parameters) whose update is no answer to a gradient */
};

/* The ReLUs of EfficientViT: one whose input rounds to the other side of zero turns signs of gradients, and Adam's
 * first steps are lr * sign(gradient). Whether it happens is chance (other vector kernels, other luck): two of the
 * reference's own float32 runs stray by 2e-3 in the loss and 0.08 in the logits. */
static bool has_crossings(const struct trajectory *t)
{
    const char *family = vit_fixture_text(t->v->root, "family");
    return family && strcmp(family, "efficientvit") == 0;
}

/* What float32 may stray: eight times what a plain float32 run of the reference does (its "f32"): its losses for
 * losses, its logits at the end for what it does not list. The double build is the tight comparison. */
static double allowed(const struct trajectory *t, const char *record)
{
    const struct cJSON *f32 = vit_fixture_member(t->run, "f32");
    const bool losses = strcmp(record, "loss") == 0;
    double strays = losses ? 0 : vit_fixture_value(vit_fixture_member(f32, "final_logits_max_abs"));
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(f32, "loss_abs")); item && losses;
         item = vit_fixture_next(item))
        strays = fmax(strays, vit_fixture_value(item));
    if (has_crossings(t))
        strays = fmax(strays, losses ? 2e-3 : 0.08);
    if (is_double)
        return 1e-9;
    return strcmp(record, "param_l2") == 0 ? 1e-4 : fmax(1e-4, 8 * strays);
}

static struct vit_tally *tally_of(const struct trajectory *t, const char *record)
{
    return vit_verification_tally(t->v, record, allowed(t, record));
}

static double norm(const struct trajectory *t, bool gradients)
{
    double sum = 0;
    for (int i = 0; i < t->optimizer.parameters.n; i++) {
        const struct vit_tensor *tensor = t->optimizer.parameters.tensor[i];
        const vit_real *x = gradients ? tensor->grad->data : tensor->data;
        for (int64_t k = 0; k < vit_numel(tensor); k++)
            sum += (double)x[k] * (double)x[k];
    }
    return sqrt(sum);
}

/* Adam's first steps are lr * sign(gradient): of a gradient that is zero in exact arithmetic they are rounding noise.
 * A tensor with any gradient below this share of the norm of all, at the first step, is left out. */
static void mark_noise(struct trajectory *t)
{
    const double floor = (is_double ? 1e-13 : 1e-5) * norm(t, true);
    for (int i = 0; i < t->optimizer.parameters.n; i++) {
        const struct vit_tensor *tensor = t->optimizer.parameters.tensor[i];
        for (int64_t k = 0; k < vit_numel(tensor); k++)
            t->noise[i] = t->noise[i] || fabs((double)tensor->grad->data[k]) < floor;
    }
}

static void compare_series(struct trajectory *t, const char *key, int64_t step, double got)
{
    const struct cJSON *item = vit_fixture_first(vit_fixture_member(t->run, key));
    for (int64_t i = 0; i < step && item; i++)
        item = vit_fixture_next(item);
    const double want = vit_fixture_value(item);
    vit_tally_compare(
        tally_of(t, key),
        (struct vit_expected){got, want, fmax(fabs(want), 1), strcmp(key, "loss") == 0 ? LOSS_DIGITS : DIGITS},
        "%s[%lld], decay of %s", key, (long long)step, vit_fixture_text(t->run, "decay"));
}

static void compare_decay(struct trajectory *t)
{
    struct vit_tally *tally = vit_verification_tally(t->v, "no decay", 0);
    const struct vit_tensor_pieces *p = &t->optimizer.parameters;
    int64_t exempt = 0, listed = 0;
    for (int i = 0; i < p->n; i++)
        exempt += t->optimizer.weight_decay[i] == 0;
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(t->run, "no_decay")); item;
         item = vit_fixture_next(item), listed++) {
        const char *name = vit_fixture_string(item);
        int i = 0;
        while (i < p->n && strcmp(p->tensor[i]->name, name) != 0)
            i++;
        vit_tally_equal(tally, i < p->n && t->optimizer.weight_decay[i] == 0, 1, "%s", name);
    }
    vit_tally_equal(tally, exempt, listed, "parameters without decay");
}

static void compare_parameters(struct trajectory *t)
{
    struct vit_tally *tally = tally_of(t, "final_params");
    const struct vit_tensor_pieces *p = &t->optimizer.parameters;
    int listed = 0;
    for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(t->run, "final_params")); item;
         item = vit_fixture_next(item), listed++) {
        const char *name = vit_fixture_text(item, "name");
        int i = 0;
        while (name && i < p->n && strcmp(p->tensor[i]->name, name) != 0)
            i++;
        if (!name || i == p->n)
            vit_tally_equal(tally, 0, 1, "%s is not in the model", name ? name : "?");
        else if (!t->noise[i])
            vit_tally_record(
                tally, item,
                (struct vit_values){.name = name, .value = p->tensor[i]->data, .n = vit_numel(p->tensor[i])});
    }
    vit_tally_equal(tally, p->n, listed, "number of parameters");
}

static void follow(struct trajectory *t)
{
    const struct vit_graph *graph = &t->instance.graph;
    for (int64_t step = 0; step <= t->steps; step++) {
        vit_exec_run(&t->instance.exec);
        compare_series(t, "loss", step, (double)graph->loss->data[0]);
        compare_series(t, "param_l2", step, norm(t, false));
        if (step == t->steps)
            break;
        compare_series(t, "grad_l2", step, norm(t, true));
        if (step == 0)
            mark_noise(t);
        vit_optimizer_step(&t->optimizer, t->lr);
    }
    vit_tally_record(
        tally_of(t, "final_logits"), vit_fixture_member(t->run, "final_logits"),
        (struct vit_values){.name = "logits", .value = graph->logits->data, .n = vit_numel(graph->logits)});
    compare_parameters(t);
}

static int read_options(struct trajectory *t, struct vit_optimizer_options *options)
{
    const struct cJSON *o = vit_fixture_member(t->v->root, "optimizer");
    const char *decay = vit_fixture_text(t->run, "decay");
    const bool all = decay && strcmp(decay, "all parameters") == 0;
    t->lr = vit_fixture_value(vit_fixture_member(o, "lr"));
    t->steps = vit_fixture_integer(o, "steps");
    *options = (struct vit_optimizer_options){.weight_decay = vit_fixture_value(vit_fixture_member(o, "weight_decay")),
                                              .decay = all ? VIT_DECAY_ALL : VIT_DECAY_MATRICES,
                                              .beta1 = vit_fixture_value(vit_fixture_member(o, "beta1")),
                                              .beta2 = vit_fixture_value(vit_fixture_member(o, "beta2")),
                                              .eps = vit_fixture_value(vit_fixture_member(o, "eps"))};
    if (!decay || (!all && strcmp(decay, "matrices only") != 0))
        return vit_fail(VIT_EFORMAT, "%s: \"decay\" is %s, expected all parameters or matrices only", t->v->path,
                        decay ? decay : "missing");
    if (!(t->lr > 0) || t->steps < 1 || t->steps > MOST_STEPS)
        return vit_fail(VIT_EFORMAT, "%s: \"optimizer\" has no proper \"lr\" or \"steps\"", t->v->path);
    return VIT_OK;
}

static int verify_run(struct vit_verification *v, const struct cJSON *run)
{
    struct trajectory t = {.v = v, .run = run};
    struct vit_verification training = *v;
    struct vit_optimizer_options options;
    const char *mode = vit_fixture_text(v->root, "bn_mode");
    const int64_t batch = vit_fixture_integer(v->root, "batch");
    training.graph = mode && strcmp(mode, "train") == 0 ? "train" : "eager";
    training.backward = true;
    if (batch < 1 || batch > 4096)
        return vit_fail(VIT_EFORMAT, "%s: no proper \"batch\"", v->path);
    int status = read_options(&t, &options);
    if (status == VIT_OK)
        status = vit_verification_open(&training, v->root, (int)batch, NULL, &t.instance);
    if (status != VIT_OK)
        return status;
    status = vit_optimizer_open(&t.optimizer, &t.instance.exec, vit_optimizer_find("adamw"), &options);
    if (status == VIT_OK && !(t.noise = calloc((size_t)t.optimizer.parameters.n + 1, sizeof *t.noise)))
        status = vit_fail(VIT_ENOMEM, "out of memory: %d parameters", t.optimizer.parameters.n);
    if (status == VIT_OK) {
        compare_decay(&t);
        follow(&t);
    }
    free(t.noise);
    vit_optimizer_close(&t.optimizer);
    vit_instance_close(&t.instance);
    return status == VIT_OK ? VIT_OK : vit_fail_in(status == VIT_EINVAL ? VIT_EFORMAT : status, "%s", v->path);
}

int vit_verify_adamw(struct vit_verification *v)
{
    int status = VIT_OK;
    for (const struct cJSON *run = vit_fixture_first(vit_fixture_member(v->root, "runs")); run && status == VIT_OK;
         run = vit_fixture_next(run))
        status = verify_run(v, run);
    return status;
}
