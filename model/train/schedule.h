/* SPDX-License-Identifier: MIT */
/* schedule.h - the learning rate over time, as timm's schedulers give it: a linear warm-up from warmup_lr to lr, then a
 * curve from lr to min_lr, then min_lr. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vit_schedule {
    const char *kind; /* "cosine", "linear", "step", "constant" */
    double lr, min_lr, warmup_lr;
    int64_t epochs;          /* of warm-up and curve; with warmup_prefix of the curve alone */
    int64_t warmup_epochs;   /* the curve goes on beneath and is met where warm-up ends ... */
    bool warmup_prefix;      /* ... or begins after it */
    int64_t cooldown_epochs; /* more epochs at min_lr ("step", "constant": at the last rate) */
    int64_t decay_epochs;    /* step: multiply by decay_rate so often */
    double decay_rate;
    int64_t steps_per_epoch; /* > 0: the rate changes with each step; 0: it is that of the epoch's begin */
};

/* VIT_EINVAL says which number is impossible, or lists the kinds. */
int vit_schedule_check(const struct vit_schedule *schedule);

/* Epochs to train in all. */
int64_t vit_schedule_epochs(const struct vit_schedule *schedule);

/* The rate of step `step` of epoch `epoch`, both from 0. */
double vit_schedule_lr(const struct vit_schedule *schedule, int64_t epoch, int64_t step);

/* Linear scaling rule of DeiT and EfficientViT: lr * batch / 512, batch over all processes. */
static inline double vit_schedule_scale(double lr, int64_t batch)
{
    return lr * (double)batch / 512;
}
