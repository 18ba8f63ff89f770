/* SPDX-License-Identifier: MIT */
/* prune_plan.c - what a pruning is asked to do, and the text of it. */
#include "analysis/prune.h"

#include "analysis/channel_removal.h"
#include "model/base/status.h"
#include "reports/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const resources[] = {"params", "macs", "latency"};
enum { N_RESOURCES = sizeof resources / sizeof resources[0], ROUNDS = 5, BATCHES = 10, BATCH = 32 };

const char *vit_prune_resource_name(enum vit_prune_resource resource)
{
    return resources[resource];
}

static int read_budget(struct vit_prune_plan *plan, const char *text)
{
    for (int i = 0; i < N_RESOURCES; i++) {
        const size_t length = strlen(resources[i]);
        char *end = NULL;
        if (strncmp(text, resources[i], length) != 0 || text[length] != '=')
            continue;
        plan->resource = (enum vit_prune_resource)i;
        plan->share = strtod(text + length + 1, &end);
        if (end != text + length + 1 && !*end && plan->share > 0 && plan->share < 1)
            return VIT_OK;
    }
    return vit_fail(VIT_EINVAL, "--to %s: takes params=X, macs=X or latency=X, X above 0 and below 1", text);
}

static int read_criterion(struct vit_prune_plan *plan, const char *name)
{
    char list[256] = "";
    size_t used = 0;
    for (int i = 0; i < VIT_N_CRITERIA; i++) {
        plan->criterion = (enum vit_criterion)i;
        if (strcmp(name, vit_criterion_name(plan->criterion)) == 0)
            return VIT_OK;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 vit_criterion_name(plan->criterion));
    }
    return vit_fail(VIT_EINVAL, "--criterion %s: there are %s", name, list);
}

static const char *const costs[] = {"none", "channels", "params", "macs"};

static int read_per(struct vit_prune_plan *plan, const char *name)
{
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        plan->per = (enum vit_prune_cost)i;
        if (strcmp(name, costs[i]) == 0)
            return VIT_OK;
    }
    return vit_fail(VIT_EINVAL, "--per %s: there are none, channels, params, macs", name);
}

/* "qk,ffn" */
static int read_kinds(struct vit_prune_plan *plan, const char *list, const struct vit_model_def *model)
{
    for (const char *at = list; *at;) {
        const size_t length = strcspn(at, ",");
        int kind = 0;
        while (kind < VIT_N_GROUP_KINDS && (strlen(vit_group_kind_name((enum vit_group_kind)kind)) != length ||
                                            memcmp(vit_group_kind_name((enum vit_group_kind)kind), at, length) != 0))
            kind++;
        if (kind == VIT_N_GROUP_KINDS)
            return vit_fail(VIT_EINVAL, "--kinds %s: \"%.*s\" is none of qk, v, ffn, head, embed", list, (int)length,
                            at);
        if (vit_channel_kind_removable(model, (enum vit_group_kind)kind) != VIT_OK)
            return vit_fail_in(VIT_EINVAL, "--kinds %s", list);
        plan->kinds |= 1U << kind;
        at += length + (at[length] == ',');
    }
    return VIT_OK;
}

/* Those of the paper's figure that the network can lose. */
static unsigned usual_kinds(const struct vit_model_def *model)
{
    unsigned kinds = 0;
    for (int kind = VIT_GROUP_QK; kind <= VIT_GROUP_FFN; kind++)
        if (vit_channel_kind_removable(model, (enum vit_group_kind)kind) == VIT_OK)
            kinds |= 1U << kind;
    return kinds;
}

int vit_prune_plan_read(struct vit_prune_plan *plan, const struct vit_options *o, const struct vit_model_def *model)
{
    *plan = (struct vit_prune_plan){.rounds = o->rounds ? o->rounds : ROUNDS,
                                    .batches = o->batches ? o->batches : BATCHES,
                                    .batch = o->batch ? o->batch : BATCH,
                                    .momentum = o->momentum};
    int status = o->to ? read_budget(plan, o->to) : vit_fail(VIT_EINVAL, "needs --to params=X, macs=X or latency=X");
    if (status == VIT_OK)
        status = read_criterion(plan, o->criterion ? o->criterion : vit_criterion_name(VIT_CRITERION_MOLCHANOV));
    if (status == VIT_OK)
        status = read_per(plan, o->per ? o->per : "channels");
    if (status != VIT_OK)
        return status;
    if (o->kinds)
        return read_kinds(plan, o->kinds, model);
    plan->kinds = usual_kinds(model);
    return VIT_OK;
}

char *vit_prune_text(const struct vit_prune *p)
{
    const struct vit_prune_plan *plan = &p->plan;
    char *text = NULL, share[VIT_NUMBER_BYTES], momentum[VIT_NUMBER_BYTES];
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    vit_number_exact(share, plan->share);
    vit_number_exact(momentum, plan->momentum);
    fprintf(file, "weights=%s\nto=%s=%s\ncriterion=%s\n", p->weights, resources[plan->resource], share,
            vit_criterion_name(plan->criterion));
    fprintf(file, "kinds=");
    for (int kind = 0; kind < VIT_N_GROUP_KINDS; kind++)
        if (plan->kinds & 1U << kind)
            fprintf(file, "%s%s", plan->kinds & ((1U << kind) - 1) ? "," : "",
                    vit_group_kind_name((enum vit_group_kind)kind));
    fprintf(file, "\nper=%s\nrounds=%d\nbatches=%d\nbatch=%d\nmomentum=%s\n", costs[plan->per], plan->rounds,
            plan->batches, plan->batch, momentum);
    fprintf(file, "data=%s\nval=%s\nseed=%llu\n", p->options->data, p->options->val,
            (unsigned long long)p->options->seed);
    return fclose(file) == 0 ? text : NULL;
}
