/* SPDX-License-Identifier: MIT */
#include "model/plan_backward.h"

#include "model/base/status.h"
#include "model/base/text.h"

#include <stdlib.h>
#include <string.h>

/* Elements of an owner's gradient that backward steps write, in the order of the steps. */
struct range {
    int owner; /* id of the gradient that owns the memory */
    int64_t start, length;
    int step, input;
};

struct builder {
    struct vit_plan *plan;
    const struct vit_plan_options *options;
    vit_step_maker make;
    const struct vit_op **producer; /* (tensors): of values that are given up; NULL: kept, or there again */
    struct range *range;
    int n_range;
};

static bool has_way_back(const struct vit_op *op)
{
    for (int k = 0; k < op->n_out; k++)
        if (op->out[k]->grad)
            return true;
    return false;
}

static void append(struct builder *b, const struct vit_op *op, enum vit_pass pass)
{
    struct vit_plan *plan = b->plan;
    struct vit_step step = b->make(op, pass, b->options);
    step.index = plan->n_step;
    step.again = pass == VIT_FORWARD;
    if (plan->workspace_bytes < step.workspace_bytes)
        plan->workspace_bytes = step.workspace_bytes;
    plan->step[plan->n_step++] = step;
}

/* Computes a given-up value again, after those that it is made of. Chains are as deep as the kinds given up follow each
 * other in a block. */
static void bring_back(struct builder *b, const struct vit_tensor *tensor) /* NOLINT(misc-no-recursion) */
{
    const struct vit_op *op = b->producer[vit_owner(tensor)->id];
    if (!op)
        return;
    for (int k = 0; k < op->n_out; k++)
        b->producer[vit_owner(op->out[k])->id] = NULL;
    for (int k = 0; k < op->n_in; k++)
        bring_back(b, op->in[k]);
    append(b, op, VIT_FORWARD);
}

static void add_steps(struct builder *b)
{
    const struct vit_graph *graph = b->plan->graph;
    for (int i = graph->n_op; i-- > 0;) {
        const struct vit_op *op = graph->op[i];
        const unsigned reads = vit_op_table[op->kind]->backward_reads;
        if (op->prepare || !has_way_back(op))
            continue;
        for (int k = 0; k < op->n_in; k++)
            if (reads & VIT_READS_IN(k))
                bring_back(b, op->in[k]);
        for (int k = 0; k < op->n_out; k++)
            if (reads & VIT_READS_OUT(k))
                bring_back(b, op->out[k]);
        append(b, op, VIT_BACKWARD);
    }
}

static void gather_ranges(struct builder *b)
{
    for (int s = b->plan->n_forward; s < b->plan->n_step; s++) {
        const struct vit_step *step = &b->plan->step[s];
        for (int k = 0; step->pass == VIT_BACKWARD && k < step->op->n_in; k++) {
            const struct vit_tensor *gradient = step->op->in[k]->grad;
            struct range r = {.length = gradient ? vit_numel(gradient) : 0, .step = s, .input = k};
            for (; gradient && gradient->base; gradient = gradient->base)
                r.start += gradient->base_offset;
            r.owner = gradient ? gradient->id : -1;
            if (gradient)
                b->range[b->n_range++] = r;
        }
    }
}

static int by_owner(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    return (a->input > b->input) - (a->input < b->input);
}

/* Ranges of one owner, sorted: are they copies of pieces that cover all of it without a gap or an overlap? */
static bool is_partition(const struct range *range, int n, int64_t numel)
{
    int64_t end = 0;
    for (int i = 0; i < n; i++) {
        bool copy = i > 0 && range[i].start == range[i - 1].start;
        if (copy ? range[i].length != range[i - 1].length : range[i].start != end)
            return false;
        end = range[i].start + range[i].length;
    }
    return end == numel;
}

/* The first write of a piece sets, later ones add. Where views do not cut their owner into such pieces, it is zeroed
 * before the first step that touches it, and all add. */
static void decide_owner(struct builder *b, const struct range *range, int n, int *first_step)
{
    struct vit_plan *plan = b->plan;
    const struct vit_tensor *owner = plan->graph->tensor[range[0].owner];
    bool partition = is_partition(range, n, vit_numel(owner));
    *first_step = range[0].step;
    for (int i = 0; i < n; i++) {
        if (range[i].step < *first_step)
            *first_step = range[i].step;
        bool copy = i > 0 && range[i].start == range[i - 1].start;
        if (!partition || copy)
            plan->step[range[i].step].adds |= 1U << range[i].input;
    }
    if (partition)
        *first_step = -1;
}

struct owner_fill {
    int step;
    struct vit_fill fill;
};

static int by_step(const void *left, const void *right)
{
    const struct owner_fill *a = left, *b = right;
    return a->step != b->step ? (a->step < b->step ? -1 : 1)
                              : (a->fill.tensor->id > b->fill.tensor->id) - (a->fill.tensor->id < b->fill.tensor->id);
}

static int decide_fills(struct builder *b)
{
    struct vit_plan *plan = b->plan;
    struct owner_fill *fill = calloc((size_t)b->n_range + 1, sizeof *fill);
    plan->fill = calloc((size_t)b->n_range + 1, sizeof *plan->fill);
    if (!fill || !plan->fill) {
        free(fill);
        return vit_fail(VIT_ENOMEM, "out of memory: gradients of %d steps", plan->n_step);
    }
    int n = 0;
    qsort(b->range, (size_t)b->n_range, sizeof *b->range, by_owner);
    for (int i = 0, end; i < b->n_range; i = end) {
        int step;
        for (end = i; end < b->n_range && b->range[end].owner == b->range[i].owner; end++)
            ;
        decide_owner(b, b->range + i, end - i, &step);
        if (step >= 0)
            fill[n++] = (struct owner_fill){step, {.tensor = plan->graph->tensor[b->range[i].owner], .value = 0}};
    }
    for (int s = plan->n_forward; s < plan->n_step; s++) /* the loss is the last operator that has a way back */
        if (plan->step[s].pass == VIT_BACKWARD && plan->graph->loss && plan->graph->loss->grad) {
            fill[n++] = (struct owner_fill){s, {.tensor = plan->graph->loss->grad, .value = 1}};
            break;
        }
    qsort(fill, (size_t)n, sizeof *fill, by_step);
    for (int i = 0; i < n; i++) {
        struct vit_step *step = &plan->step[fill[i].step];
        plan->fill[i] = fill[i].fill;
        step->fill = step->n_fill++ ? step->fill : &plan->fill[i];
    }
    free(fill);
    return VIT_OK;
}

static bool is_kind(const char *name, size_t length)
{
    for (int k = 0; k < VIT_N_OPS; k++)
        if (strlen(vit_op_table[k]->name) == length && memcmp(vit_op_table[k]->name, name, length) == 0)
            return true;
    return false;
}

static int check_kinds(const char *names)
{
    for (const char *at = names; at && *at;) {
        const size_t length = strcspn(at, " ,");
        if (length && !is_kind(at, length))
            return vit_fail(VIT_EINVAL,
                            "recompute %s: there is no kind of operator \"%.*s\"; gelu, layer_norm, softmax are some",
                            names, (int)length, at);
        at += length + (at[length] != '\0');
    }
    return VIT_OK;
}

/* Values that are computed again: outputs of the kinds named, unless somebody looks at them after the run. */
static int give_up(struct builder *b)
{
    const struct vit_graph *graph = b->plan->graph;
    const char *names = b->options->recompute;
    for (int i = 0; names && i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        if (op->prepare || !vit_text_listed(names, vit_op_table[op->kind]->name))
            continue;
        if (vit_op_table[op->kind]->updates)
            return vit_op_fail(op, "cannot be computed again: it updates its running statistics");
        for (int k = 0; k < op->n_out; k++)
            if (op->out[k] != graph->logits && op->out[k] != graph->logits_distilled && op->out[k] != graph->loss)
                b->producer[op->out[k]->id] = op;
    }
    return VIT_OK;
}

int vit_plan_add_backward(struct vit_plan *plan, const struct vit_plan_options *options, vit_step_maker make)
{
    const struct vit_graph *graph = plan->graph;
    struct builder b = {.plan = plan, .options = options, .make = make};
    b.producer = calloc((size_t)graph->n_tensor, sizeof(const struct vit_op *));
    b.range = calloc((size_t)graph->n_op * VIT_MAX_IN + 1, sizeof *b.range);
    int status = check_kinds(options->recompute);
    if (status == VIT_OK)
        status = b.producer && b.range ? give_up(&b) : vit_fail(VIT_ENOMEM, "out of memory: %d operators", graph->n_op);
    if (status == VIT_OK) {
        add_steps(&b);
        gather_ranges(&b);
        status = decide_fills(&b);
    }
    free(b.producer);
    free(b.range);
    return status;
}
