/* SPDX-License-Identifier: MIT */
/* prune_round.c - one round: scores of all groups over some batches, the order of what may go, as much of it as the
 * goal takes, and the network without it. */
#include "analysis/channel_removal.h"
#include "analysis/prune.h"
#include "analysis/prune_units.h"
#include "analysis/study_model.h"
#include "model/base/status.h"
#include "reports/number.h"

#include <stdlib.h>
#include <string.h>

/* Its parts point at each other. */
struct round {
    struct vit_prune *p;
    struct vit_instance net, narrow; /* before it, and after */
    struct vit_image_stream images;
    struct vit_channel_groups groups;
    struct vit_importance importance;
    struct vit_prune_units units;
    double *score;
    bool *removed;
    double goal;
    struct vit_model_choice next;
    struct vit_prune_size size; /* of next */
};

/* Other images in each round. */
static int open_images(struct round *r)
{
    struct vit_options o = *r->p->options;
    o.images = r->p->plan.batches * r->p->plan.batch;
    o.seed += (uint64_t)r->p->round;
    return vit_study_images_open(&r->images, &o, &r->net, o.images);
}

static int open_round(struct round *r)
{
    const struct vit_prune *p = r->p;
    int status = vit_instance_open_model(&r->net, &p->now.model,
                                         &(struct vit_instance_options){.model = {.batch = p->plan.batch},
                                                                        .threads = p->options->threads,
                                                                        .backward = true,
                                                                        .weights = p->round ? p->pruned : p->weights});
    if (status == VIT_OK)
        status = open_images(r);
    if (status == VIT_OK)
        status = vit_channel_groups_find(&r->groups, &r->net.graph);
    if (status == VIT_OK)
        status = vit_importance_open(&r->importance, &r->groups, p->plan.momentum, p->options->seed);
    if (status != VIT_OK)
        return status;
    r->score = calloc((size_t)r->groups.n, sizeof *r->score);
    r->removed = calloc((size_t)r->groups.n, sizeof *r->removed);
    return r->score && r->removed ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: %d groups", r->groups.n);
}

static void close_round(struct round *r)
{
    free(r->score);
    free(r->removed);
    vit_prune_units_close(&r->units);
    vit_importance_close(&r->importance);
    vit_channel_groups_close(&r->groups);
    vit_image_stream_close(&r->images);
    if (r->narrow.exec.plan)
        vit_instance_close(&r->narrow);
    if (r->net.exec.plan)
        vit_instance_close(&r->net);
}

static int score(struct round *r)
{
    int count, status = vit_image_stream_next(&r->images, &r->net.graph, &count);
    while (status == VIT_OK && count > 0) {
        vit_exec_run(&r->net.exec);
        vit_importance_add(&r->importance);
        status = vit_image_stream_next(&r->images, &r->net.graph, &count);
    }
    for (int i = 0; i < r->groups.n; i++)
        r->score[i] = vit_importance_score(&r->importance, i, r->p->plan.criterion);
    return status == VIT_OK ? vit_prune_units_open(&r->units, &r->groups, r->score, r->p->plan.kinds) : status;
}

/* The network without what r->removed marks. */
static int narrow_to(struct round *r)
{
    r->next = r->p->now;
    int status = vit_channel_removal_config(&r->next.model.config, &r->p->now.model, &r->groups, r->removed);
    return status == VIT_OK ? vit_prune_measure_size(&r->next.model, &r->size) : status;
}

static bool same_layer(const struct vit_prune_unit *a, const struct vit_prune_unit *b)
{
    return a->kind == b->kind && a->stage == b->stage && a->block == b->block && a->place == b->place;
}

/* What goes with a unit. */
static int find_cost(struct round *r, const struct vit_prune_unit *unit, double *cost)
{
    const enum vit_prune_cost per = r->p->plan.per;
    *cost = per == VIT_PRUNE_PER_CHANNELS ? unit->n : 1;
    if (per != VIT_PRUNE_PER_PARAMS && per != VIT_PRUNE_PER_MACS)
        return VIT_OK;
    memset(r->removed, false, (size_t)r->groups.n * sizeof *r->removed);
    for (int k = 0; k < unit->n; k++)
        r->removed[r->units.member[unit->first + k]] = true;
    int status = narrow_to(r);
    *cost = per == VIT_PRUNE_PER_PARAMS ? (double)(r->p->size.params - r->size.params)
                                        : (double)(r->p->size.macs - r->size.macs);
    return status;
}

/* The same for all units of a layer: that of its first. */
static int divide_by_cost(struct round *r)
{
    int status = VIT_OK;
    double cost = 1;
    for (int i = 0; i < r->units.n && status == VIT_OK; i++) {
        struct vit_prune_unit *unit = &r->units.unit[i];
        if (i == 0 || !same_layer(unit, unit - 1))
            status = find_cost(r, unit, &cost);
        unit->score /= cost;
    }
    vit_prune_units_sort(&r->units);
    return status;
}

static int try_first(struct round *r, int n)
{
    vit_prune_units_mark(&r->units, n, &r->groups, r->removed);
    return narrow_to(r);
}

/* The fewest units that reach the goal. */
static int choose(struct round *r)
{
    int few = 0, many = r->units.n, status = try_first(r, many);
    if (status == VIT_OK && vit_prune_share(r->p, &r->size) > r->goal)
        return vit_fail(VIT_EINVAL,
                        "--to %s: with one left of everything that may go, it is still %.3f; --kinds names more",
                        r->p->options->to, vit_prune_share(r->p, &r->size));
    while (status == VIT_OK && many - few > 1) {
        const int middle = few + (many - few) / 2;
        status = try_first(r, middle);
        if (vit_prune_share(r->p, &r->size) > r->goal)
            few = middle;
        else
            many = middle;
    }
    return status == VIT_OK ? try_first(r, many) : status;
}

static int open_narrow(struct round *r)
{
    int status = vit_model_change(&r->next, NULL);
    if (status == VIT_OK)
        status = vit_instance_open_model(
            &r->narrow, &r->next.model,
            &(struct vit_instance_options){.model = {.batch = 1}, .threads = 1, .seed = r->p->options->seed});
    return status == VIT_OK ? vit_channel_removal_weights(&r->narrow.graph, &r->net.graph, &r->groups, r->removed)
                            : status;
}

static void become_next(struct vit_prune *p, const struct round *r)
{
    p->round++;
    p->size = r->size;
    p->now = r->next;
    p->now.model.name = p->now.label;
}

/* What the round has made: its speed, where that is the budget, and its accuracy. */
static int measure(struct round *r)
{
    struct vit_prune *p = r->p;
    struct vit_summary speedup;
    int status = vit_prune_evaluate(p, &(struct vit_prune_network){.model = &p->now.model, .graph = &r->narrow.graph},
                                    &p->quality);
    if (status == VIT_OK && p->plan.resource == VIT_PRUNE_LATENCY) {
        status = vit_prune_time(p->options, &p->whole.model, &p->now.model, &speedup);
        p->time_share = 1 / speedup.median;
    }
    return status;
}

/* The row before the file: a file must find the rows of all its rounds. */
static int save(const struct round *r)
{
    struct vit_prune *p = r->p;
    char number[16], crop[VIT_NUMBER_BYTES], time_share[VIT_NUMBER_BYTES];
    int removed = 0;
    for (int i = 0; i < r->groups.n; i++)
        removed += r->removed[i];
    int status = vit_prune_log_round(p, removed);
    snprintf(number, sizeof number, "%d", p->round);
    vit_number_exact(crop, p->now.model.crop_percentage);
    vit_number_exact(time_share, p->time_share);
    const struct vit_safetensors_pair pair[] = {{"vitscope.crop", crop},
                                                {VIT_PRUNE_SETTINGS, p->text},
                                                {VIT_PRUNE_ROUND, number},
                                                {VIT_PRUNE_TIME, time_share}};
    return status == VIT_OK ? vit_weights_save(&r->narrow.graph, p->pruned, &(struct vit_weights_metadata){pair, 4})
                            : status;
}

int vit_prune_round(struct vit_prune *p, double goal)
{
    static struct round r; /* large */
    r = (struct round){.p = p, .goal = goal};
    int status = open_round(&r);
    if (status == VIT_OK)
        status = score(&r);
    if (status == VIT_OK)
        status = divide_by_cost(&r);
    if (status == VIT_OK)
        status = choose(&r);
    if (status == VIT_OK)
        status = open_narrow(&r);
    if (status == VIT_OK) {
        become_next(p, &r);
        status = measure(&r);
    }
    if (status == VIT_OK)
        status = save(&r);
    close_round(&r);
    return status;
}
