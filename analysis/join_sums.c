/* SPDX-License-Identifier: MIT */
/* join_sums.c - learned tensors paired with the operators of a profile, sums over parts of the network, and whether
 * cost and need go together. */
#include "analysis/correlation.h"
#include "analysis/join.h"
#include "analysis/profile_traffic.h"
#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

const char *vit_join_layer(enum vit_role role)
{
    switch (role) {
    case VIT_ROLE_QKV:
    case VIT_ROLE_QUERY:
    case VIT_ROLE_KEY:
    case VIT_ROLE_VALUE:
    case VIT_ROLE_SCORE:
    case VIT_ROLE_CONTEXT:
    case VIT_ROLE_PROJ:
    case VIT_ROLE_WINDOW:
        return "attention";
    case VIT_ROLE_FFN_EXPAND:
    case VIT_ROLE_FFN_PROJECT:
        return "ffn";
    case VIT_ROLE_NONE:
        return "other";
    default:
        return vit_role_name(role);
    }
}

static bool reads(const struct vit_op *op, const struct vit_tensor *tensor)
{
    for (int i = 0; i < op->n_in; i++)
        if (op->in[i] && vit_owner(op->in[i]) == tensor)
            return true;
    return false;
}

/* The first step that reads the tensor, or what is made of it once; -1: none. */
static int step_of(const struct vit_plan *plan, const struct vit_tensor *tensor)
{
    for (int s = 0; s < plan->n_step; s++)
        if (reads(plan->step[s].op, tensor))
            return s;
    for (int i = 0; i < plan->n_prepare; i++)
        if (reads(plan->prepare[i].op, tensor)) {
            const int step = step_of(plan, vit_owner(plan->prepare[i].op->out[0]));
            if (step >= 0)
                return step;
        }
    return -1;
}

static const struct vit_tensor *find(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_tensor; i++)
        if (!graph->tensor[i]->base && graph->tensor[i]->space == VIT_SPACE_PARAM &&
            strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    return NULL;
}

int vit_join_pair(struct vit_join *join, const struct vit_graph *graph)
{
    const struct vit_plan *plan = &join->profile->instance.plan;
    join->n_tensor = 0;
    join->tensor = calloc((size_t)graph->n_tensor + 1, sizeof *join->tensor);
    if (!join->tensor)
        return vit_fail(VIT_ENOMEM, "out of memory: %d tensors", graph->n_tensor);
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *weight = graph->tensor[i];
        if (weight->base || weight->space != VIT_SPACE_PARAM || !weight->grad)
            continue;
        const struct vit_tensor *here = find(plan->graph, weight->name);
        const int step = here ? step_of(plan, here) : -1;
        if (step < 0) {
            free(join->tensor);
            join->tensor = NULL;
            return vit_fail(VIT_EMISMATCH, "%s: no operator of the profile reads it", weight->name);
        }
        join->tensor[join->n_tensor++] = (struct vit_join_tensor){.weight = weight, .step = step};
    }
    return VIT_OK;
}

void vit_join_add(struct vit_join *join)
{
    const double share = 1 / (double)++join->batches;
    for (int i = 0; i < join->n_tensor; i++) {
        struct vit_join_tensor *t = &join->tensor[i];
        const vit_real *w = t->weight->data, *g = t->weight->grad->data;
        double sum = 0;
        for (int64_t k = 0; k < vit_numel(t->weight); k++)
            sum += (double)w[k] * (double)g[k] * (double)w[k] * (double)g[k];
        t->importance += share * (sum - t->importance);
    }
}

static void add_step(const struct vit_join *join, int s, struct vit_join_sum *sum)
{
    const struct vit_profile *p = join->profile;
    const struct vit_cost *cost = &p->instance.plan.step[s].cost;
    vit_traffic_add(&p->traffic, s, sum->bytes, sum->operators == 0);
    sum->operators++;
    sum->time_ns += p->step_ns[s];
    sum->cost.macs += cost->macs;
    sum->cost.flops += cost->flops;
    sum->cost.read_weight_bytes += cost->read_weight_bytes;
    sum->cost.read_activation_bytes += cost->read_activation_bytes;
    sum->cost.write_bytes += cost->write_bytes;
    for (int i = 0; i < join->n_tensor; i++)
        if (join->tensor[i].step == s) {
            sum->parameters += vit_numel(join->tensor[i].weight);
            sum->importance += join->tensor[i].importance;
        }
}

int vit_join_group(const struct vit_join *join, vit_profile_key key, struct vit_join_sum *sum)
{
    const struct vit_plan *plan = &join->profile->instance.plan;
    int n = 0;
    for (int s = 0; s < plan->n_step; s++) {
        char text[64];
        const char *name = key(&plan->step[s], text);
        int i = 0;
        while (i < n && strcmp(sum[i].name, name) != 0)
            i++;
        if (i == VIT_MAX_GROUPS)
            i = VIT_MAX_GROUPS - 1;
        if (i == n) {
            sum[n] = (struct vit_join_sum){.site = plan->step[s].op->site};
            snprintf(sum[n++].name, sizeof sum[0].name, "%s", name);
        }
        add_step(join, s, &sum[i]);
    }
    return n;
}

struct vit_join_sum vit_join_step(const struct vit_join *join, int step)
{
    const struct vit_op *op = join->profile->instance.plan.step[step].op;
    struct vit_join_sum sum = {.site = op->site};
    snprintf(sum.name, sizeof sum.name, "%s", op->name);
    add_step(join, step, &sum);
    return sum;
}

static const char *layer_key(const struct vit_step *step, char *text)
{
    char block[64];
    const char *layer = vit_join_layer(step->op->site.role);
    snprintf(text, 64, "%.40s.%.20s", vit_profile_block(step, block), layer);
    return text;
}

int vit_join_layers(const struct vit_join *join, struct vit_join_sum *sum)
{
    return vit_join_group(join, layer_key, sum);
}

static int block_of(const struct vit_join *join, struct vit_site site)
{
    for (int b = 0; b < join->similarity.n_block; b++)
        if (join->similarity.block[b].site.stage == site.stage && join->similarity.block[b].site.block == site.block)
            return b;
    return -1;
}

/* The mean over heads of the largest similarity with another. */
static int similarity_of(const struct vit_join *join, int block, enum vit_head_object object, double *value)
{
    const int heads = join->similarity.block[block].heads;
    double *matrix = calloc((size_t)(heads * heads), sizeof *matrix);
    if (!matrix)
        return vit_fail(VIT_ENOMEM, "out of memory: similarity of %d heads", heads);
    int status = vit_head_similarity_matrix(&join->similarity,
                                            (struct vit_head_question){block, object, VIT_HEAD_COSINE_WHOLE}, matrix);
    if (status == VIT_OK)
        *value = vit_head_similarity_reduce(VIT_HEAD_MEAN_MAX, matrix, heads);
    free(matrix);
    return status;
}

int vit_join_heads(const struct vit_join *join, struct vit_site site, struct vit_join_heads *heads)
{
    const double none = (double)NAN;
    const int block = *join->no_heads ? -1 : block_of(join, site);
    *heads = (struct vit_join_heads){0, none, none, none, none};
    if (block < 0)
        return VIT_OK;
    heads->loss_change = heads->logit_change = 0;
    int status = similarity_of(join, block, VIT_HEAD_MAP, &heads->map_similarity);
    if (status == VIT_OK)
        status = similarity_of(join, block, VIT_HEAD_OUTPUT, &heads->output_similarity);
    for (int h = 0; h < join->removal.n && status == VIT_OK; h++) {
        struct vit_head_effect e;
        if (strcmp(join->removal.region[h]->block, join->similarity.block[block].name) != 0)
            continue;
        status = vit_head_removal_effect(&join->removal, h, &join->bootstrap, &e);
        heads->heads++;
        heads->loss_change += (e.loss_change - heads->loss_change) / heads->heads;
        heads->logit_change += (e.logit_change - heads->logit_change) / heads->heads;
    }
    return status;
}

static double cost_of(const struct vit_join_sum *sum, enum vit_join_cost cost)
{
    const double value[VIT_N_JOIN_COSTS] = {[VIT_JOIN_TIME] = sum->time_ns,
                                            [VIT_JOIN_BYTES] = (double)vit_cost_bytes(&sum->cost),
                                            [VIT_JOIN_MACS] = (double)sum->cost.macs,
                                            [VIT_JOIN_PARAMETERS] = (double)sum->parameters};
    return value[cost];
}

/* NaN where the layer has no such thing. */
static int need_of(const struct vit_join *join, const struct vit_join_sum *sum, enum vit_join_need need, double *value)
{
    struct vit_join_heads heads;
    *value = (double)NAN;
    if (need != VIT_JOIN_LOSS) {
        if (sum->parameters > 0)
            *value = need == VIT_JOIN_IMPORTANCE ? sum->importance : sum->importance / (double)sum->parameters;
        return VIT_OK;
    }
    if (strcmp(vit_join_layer(sum->site.role), "attention") != 0)
        return VIT_OK;
    int status = vit_join_heads(join, sum->site, &heads);
    *value = heads.loss_change;
    return status;
}

static int interval(struct vit_join_answer *answer, const double *x, const double *y)
{
    enum { RESAMPLES = 1000 };
    double value[RESAMPLES], *drawn = calloc(2 * (size_t)answer->n, sizeof *drawn);
    struct vit_bootstrap bootstrap = {0};
    int status = drawn ? vit_bootstrap_open(&bootstrap, 1, answer->n, RESAMPLES)
                       : vit_fail(VIT_ENOMEM, "out of memory: %d layers", answer->n);
    for (int r = 0; r < RESAMPLES && status == VIT_OK; r++) {
        const uint16_t *count = vit_bootstrap_counts(&bootstrap, r);
        int n = 0;
        for (int i = 0; i < answer->n; i++)
            for (int k = 0; k < count[i]; k++, n++) {
                drawn[n] = x[i];
                drawn[answer->n + n] = y[i];
            }
        status = vit_correlation_spearman(drawn, drawn + answer->n, n, &value[r]);
    }
    if (status == VIT_OK)
        answer->bounds = vit_bootstrap_interval(value, RESAMPLES);
    vit_bootstrap_close(&bootstrap);
    free(drawn);
    return status;
}

int vit_join_ask(const struct vit_join *join, struct vit_join_question question, struct vit_join_answer *answer)
{
    static struct vit_join_sum layer[VIT_MAX_GROUPS]; /* large */
    double x[VIT_MAX_GROUPS] = {0}, y[VIT_MAX_GROUPS] = {0};
    const int n = vit_join_layers(join, layer);
    int status = VIT_OK;
    *answer = (struct vit_join_answer){0, (double)NAN, {(double)NAN, (double)NAN}};
    for (int i = 0; i < n && status == VIT_OK; i++) {
        if (question.layer && strcmp(question.layer, vit_join_layer(layer[i].site.role)) != 0)
            continue;
        x[answer->n] = cost_of(&layer[i], question.cost);
        status = need_of(join, &layer[i], question.need, &y[answer->n]);
        answer->n += !isnan(y[answer->n]);
    }
    enum { FEWEST = 4 }; /* ranks of fewer go together by chance alone */
    if (status != VIT_OK || answer->n < FEWEST)
        return status;
    status = vit_correlation_spearman(x, y, answer->n, &answer->spearman);
    return status == VIT_OK ? interval(answer, x, y) : status;
}
