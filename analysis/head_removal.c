/* SPDX-License-Identifier: MIT */
#include "analysis/head_removal.h"

#include "analysis/logit_row.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int vit_head_removal_open(struct vit_head_removal *removal, const struct vit_graph *graph, int64_t images)
{
    *removal = (struct vit_head_removal){.capacity = images};
    removal->region = calloc((size_t)graph->n_region + 1, sizeof(const struct vit_region *));
    removal->whole = calloc((size_t)vit_numel(graph->logits), sizeof *removal->whole);
    for (int i = 0; removal->region && i < graph->n_region; i++)
        if (graph->region[i].site.role == VIT_ROLE_CONTEXT)
            removal->region[removal->n++] = &graph->region[i];
    removal->result = calloc((size_t)((removal->n + 1) * images), sizeof *removal->result);
    int status = VIT_OK;
    if (!removal->region || !removal->whole || !removal->result)
        status = vit_fail(VIT_ENOMEM, "out of memory: removal of heads");
    else if (removal->n == 0)
        status = vit_fail(VIT_ENOTSUP, "%s: this graph tells no outputs of attention heads", graph->name);
    if (status != VIT_OK)
        vit_head_removal_close(removal);
    return status;
}

void vit_head_removal_close(struct vit_head_removal *removal)
{
    free(removal->region);
    free(removal->whole);
    free(removal->result);
    *removal = (struct vit_head_removal){0};
}

static double relative_change(const vit_real *got, const vit_real *whole, int64_t classes)
{
    double change = 0, norm = 0;
    for (int64_t k = 0; k < classes; k++) {
        change += ((double)got[k] - (double)whole[k]) * ((double)got[k] - (double)whole[k]);
        norm += (double)whole[k] * (double)whole[k];
    }
    return norm > 0 ? sqrt(change / norm) : (double)NAN;
}

/* Row `row` of the results (0: the whole network) for the images at hand. */
static void read_logits(struct vit_head_removal *removal, const struct vit_tensor *logits, int row, int count,
                        const int *label)
{
    const int64_t classes = logits->dim[1];
    struct vit_head_loss *result = removal->result + row * removal->capacity + removal->images;
    for (int64_t i = 0; i < count; i++) {
        const vit_real *got = logits->data + i * classes, *whole = removal->whole + i * classes;
        const int64_t best = vit_logit_best(got, classes);
        result[i] = (struct vit_head_loss){.loss = label[i] < 0 ? (double)NAN : vit_logit_loss(got, classes, label[i]),
                                           .logit_change = relative_change(got, whole, classes),
                                           .hit = best == label[i],
                                           .same = best == vit_logit_best(whole, classes)};
    }
}

int vit_head_removal_add(struct vit_head_removal *removal, struct vit_exec *exec, int count, const int *label)
{
    const struct vit_graph *graph = exec->plan->graph;
    const struct vit_observer observer = vit_region_gate_observer(&removal->gate);
    if (removal->images + count > removal->capacity)
        return vit_fail(VIT_EINVAL, "removal of heads: more than the %lld images announced",
                        (long long)removal->capacity);
    memcpy(removal->whole, graph->logits->data, vit_nbytes(graph->logits));
    read_logits(removal, graph->logits, 0, count, label);
    int status = VIT_OK;
    vit_exec_observe(exec, &observer, 1);
    for (int head = 0; head < removal->n && status == VIT_OK; head++) {
        status = vit_region_gate_set(&removal->gate, graph, removal->region[head]);
        if (status != VIT_OK)
            break;
        vit_exec_run(exec);
        read_logits(removal, graph->logits, head + 1, count, label);
    }
    vit_exec_observe(exec, NULL, 0);
    removal->images += count;
    return status;
}

/* Means over images, image i taken count[i] times; NULL: once each. */
static struct vit_head_effect mean_effect(const struct vit_head_removal *removal, int head, const uint16_t *count)
{
    const struct vit_head_loss *whole = removal->result, *without = whole + (head + 1) * removal->capacity;
    struct vit_head_effect e = {0};
    double total = 0;
    for (int64_t i = 0; i < removal->images; i++) {
        const double times = count ? (double)count[i] : 1;
        total += times;
        e.loss += times * without[i].loss;
        e.accuracy += times * without[i].hit;
        e.loss_change += times * (without[i].loss - whole[i].loss);
        e.accuracy_change += times * (without[i].hit - whole[i].hit);
        e.logit_change += times * without[i].logit_change;
        e.same += times * without[i].same;
    }
    e.loss /= total;
    e.loss_change /= total;
    e.logit_change /= total;
    e.same /= total;
    e.accuracy = isnan(e.loss) ? (double)NAN : e.accuracy / total;
    e.accuracy_change = isnan(e.loss) ? (double)NAN : e.accuracy_change / total;
    return e;
}

int vit_head_removal_effect(const struct vit_head_removal *removal, int head, const struct vit_bootstrap *bootstrap,
                            struct vit_head_effect *effect)
{
    const int n = bootstrap->resamples;
    double *value = calloc(2 * (size_t)n, sizeof *value);
    if (!value)
        return vit_fail(VIT_ENOMEM, "out of memory: removal of heads");
    for (int r = 0; r < n; r++) {
        const struct vit_head_effect e = mean_effect(removal, head, vit_bootstrap_counts(bootstrap, r));
        value[r] = e.loss_change;
        value[n + r] = e.logit_change;
    }
    *effect = mean_effect(removal, head, NULL);
    effect->loss_change_bounds = vit_bootstrap_interval(value, n);
    effect->logit_change_bounds = vit_bootstrap_interval(value + n, n);
    free(value);
    return VIT_OK;
}
