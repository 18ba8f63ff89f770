/* SPDX-License-Identifier: MIT */
/* schedule.c - after timm.scheduler (CosineLRScheduler, PolyLRScheduler with power 1, StepLRScheduler): time t is in
 * epochs or in steps; the curve is of the time since its begin. */
#include "model/train/schedule.h"

#include "model/base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The schedule in the unit of time that it changes with. */
struct curve {
    const struct vit_schedule *schedule;
    double length, warmup, decay;
};

static double cosine(const struct curve *c, double t)
{
    const double pi = 3.14159265358979323846;
    const struct vit_schedule *s = c->schedule;
    return t < c->length ? s->min_lr + 0.5 * (s->lr - s->min_lr) * (1 + cos(pi * t / c->length)) : s->min_lr;
}

static double linear(const struct curve *c, double t)
{
    const struct vit_schedule *s = c->schedule;
    return t < c->length ? s->min_lr + (s->lr - s->min_lr) * (1 - t / c->length) : s->min_lr;
}

static double step(const struct curve *c, double t)
{
    return c->schedule->lr * pow(c->schedule->decay_rate, floor(t / c->decay));
}

static double constant(const struct curve *c, double t)
{
    (void)t;
    return c->schedule->lr;
}

static const struct {
    const char *kind;
    double (*rate)(const struct curve *curve, double t);
} kinds[] = {{"cosine", cosine}, {"linear", linear}, {"step", step}, {"constant", constant}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int find(const char *kind)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return i;
    return -1;
}

int vit_schedule_check(const struct vit_schedule *s)
{
    char names[128] = "";
    if (find(s->kind) < 0) {
        for (int i = 0; i < KINDS; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", kinds[i].kind);
        return vit_fail(VIT_EINVAL, "schedule \"%s\" is unknown; there are %s", s->kind, names);
    }
    if (!(s->lr >= 0 && s->min_lr >= 0 && s->warmup_lr >= 0 && isfinite(s->lr + s->min_lr + s->warmup_lr)))
        return vit_fail(VIT_EINVAL, "learning rates %g, at least %g, warm-up from %g: none may be negative", s->lr,
                        s->min_lr, s->warmup_lr);
    if (s->epochs < 1 || s->warmup_epochs < 0 || s->cooldown_epochs < 0 || s->steps_per_epoch < 0)
        return vit_fail(VIT_EINVAL, "%lld epochs, %lld of warm-up, %lld of cool-down: must be at least 1, 0 and 0",
                        (long long)s->epochs, (long long)s->warmup_epochs, (long long)s->cooldown_epochs);
    if (!s->warmup_prefix && s->warmup_epochs > s->epochs)
        return vit_fail(VIT_EINVAL, "%lld epochs of warm-up do not fit into %lld epochs", (long long)s->warmup_epochs,
                        (long long)s->epochs);
    if (strcmp(s->kind, "step") == 0 && (s->decay_epochs < 1 || !(s->decay_rate > 0 && s->decay_rate <= 1)))
        return vit_fail(VIT_EINVAL, "schedule step: decays by %g every %lld epochs, must be in (0, 1] and at least 1",
                        s->decay_rate, (long long)s->decay_epochs);
    return VIT_OK;
}

int64_t vit_schedule_epochs(const struct vit_schedule *s)
{
    return s->epochs + s->cooldown_epochs + (s->warmup_prefix ? s->warmup_epochs : 0);
}

double vit_schedule_lr(const struct vit_schedule *s, int64_t epoch, int64_t step_of_epoch)
{
    const int64_t unit = s->steps_per_epoch > 0 ? s->steps_per_epoch : 1;
    const struct curve curve = {.schedule = s,
                                .length = (double)(s->epochs * unit),
                                .warmup = (double)(s->warmup_epochs * unit),
                                .decay = (double)(s->decay_epochs * unit)};
    const double t = (double)(epoch * unit + (s->steps_per_epoch > 0 ? step_of_epoch : 0));
    if (t < curve.warmup)
        return s->warmup_lr + t * (s->lr - s->warmup_lr) / curve.warmup;
    return kinds[find(s->kind)].rate(&curve, s->warmup_prefix ? t - curve.warmup : t);
}
