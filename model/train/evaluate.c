/* SPDX-License-Identifier: MIT */
#include "model/train/evaluate.h"

#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/weights/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int vit_evaluation_open(struct vit_evaluation *e, int classes)
{
    *e = (struct vit_evaluation){.classes = classes};
    e->confusion = calloc((size_t)classes * (size_t)classes, sizeof *e->confusion);
    return e->confusion ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: confusion of %d classes", classes);
}

void vit_evaluation_close(struct vit_evaluation *e)
{
    free(e->confusion);
    *e = (struct vit_evaluation){.confusion = NULL};
}

/* NaN is below every number: an answer that is none is wrong. */
static bool is_above(vit_real a, vit_real b)
{
    return a > b || (isnan(b) && !isnan(a));
}

static void count_image(struct vit_evaluation *e, const vit_real *logit, int label)
{
    double largest, sum = 0;
    int best = 0, above = 0;
    for (int k = 1; k < e->classes; k++)
        best = is_above(logit[k], logit[best]) ? k : best;
    for (int k = 0; k < e->classes; k++)
        above += is_above(logit[k], logit[label]) || (k < label && logit[k] == logit[label]);
    largest = (double)logit[best];
    for (int k = 0; k < e->classes; k++)
        sum += exp((double)logit[k] - largest);
    e->images++;
    e->first += best == label;
    e->five += above < 5 && !isnan(logit[label]);
    e->loss += largest + log(sum) - (double)logit[label];
    e->confusion[(int64_t)label * e->classes + best]++;
}

static void count_batch(struct vit_evaluation *e, const struct vit_loader_batch *batch, const vit_real *logits)
{
    for (int i = 0; i < batch->count; i++)
        if (batch->labels[i] >= 0)
            count_image(e, logits + (int64_t)i * e->classes, batch->labels[i]);
}

int vit_evaluate(struct vit_evaluation *e, struct vit_exec *exec, struct vit_loader *loader)
{
    const struct vit_graph *graph = exec->plan->graph;
    const int64_t steps = vit_loader_steps(loader);
    int64_t *confusion = e->confusion, ns = 0;
    memset(confusion, 0, (size_t)e->classes * (size_t)e->classes * sizeof *confusion);
    *e = (struct vit_evaluation){.classes = e->classes, .confusion = confusion};
    int status = vit_loader_seek(loader, 0, 0);
    for (int64_t step = 0; step < steps && status == VIT_OK; step++) {
        struct vit_loader_batch batch;
        status = vit_loader_next(loader, &batch);
        if (status != VIT_OK)
            break;
        const int64_t begin = vit_clock_ns();
        memcpy(graph->input->data, batch.images, vit_nbytes(graph->input));
        vit_exec_run(exec);
        ns += vit_clock_ns() - begin;
        count_batch(e, &batch, graph->logits->data);
        e->broken += batch.count;
    }
    e->broken -= e->images;
    e->seconds = (double)ns / 1e9;
    return status;
}

/* Counts are exact as doubles: below 2^53. */
static void sum_counts(struct vit_communicator *comm, int64_t *count, int64_t n)
{
    enum { PART = 256 };
    double part[PART];
    for (int64_t at = 0; at < n; at += PART) {
        const int64_t m = n - at < PART ? n - at : PART;
        for (int64_t i = 0; i < m; i++)
            part[i] = (double)count[at + i];
        vit_communicator_sum(comm, part, m);
        for (int64_t i = 0; i < m; i++)
            count[at + i] = (int64_t)part[i];
    }
}

void vit_evaluation_sum(struct vit_evaluation *e, struct vit_communicator *comm)
{
    int64_t *const count[] = {&e->images, &e->broken, &e->first, &e->five};
    for (int i = 0; i < 4; i++)
        sum_counts(comm, count[i], 1);
    sum_counts(comm, e->confusion, (int64_t)e->classes * e->classes);
    vit_communicator_sum(comm, &e->loss, 1);
}

static const struct vit_tensor *find(const struct vit_graph *graph, const char *name, int near)
{
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *t = graph->tensor[(near + i) % graph->n_tensor];
        if (vit_is_weight(t) && strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

int vit_weights_copy(struct vit_graph *to, const struct vit_graph *from)
{
    int near = 0; /* both graphs have their weights in much the same order */
    for (int i = 0; i < to->n_tensor; i++) {
        const struct vit_tensor *t = to->tensor[i];
        if (!vit_is_weight(t))
            continue;
        const struct vit_tensor *source = find(from, t->name, near);
        if (!source || !vit_same_shape(source, t))
            return vit_fail(VIT_EINVAL, "tensor %s: the network that weights are copied from has none such", t->name);
        memcpy(t->data, source->data, vit_nbytes(t));
        near = source->id;
    }
    return VIT_OK;
}
