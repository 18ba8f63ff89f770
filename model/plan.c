/* SPDX-License-Identifier: MIT */
#include "model/plan.h"

#include "model/base/status.h"
#include "model/memory_plan.h"
#include "model/plan_backward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether `name` is among the implementations of the kinds before `kind`, or before `end` in its own list. */
static bool is_listed(const char *name, int kind, const struct vit_kernel *end)
{
    for (int k = 0; k <= kind && k < VIT_N_OPS; k++)
        for (const struct vit_kernel *kernel = vit_op_table[k]->cpu; kernel->forward && kernel != end; kernel++)
            if (strcmp(kernel->name, name) == 0)
                return true;
    return false;
}

static int check_kernel_name(const char *name)
{
    char names[512] = "";
    if (!name || is_listed(name, VIT_N_OPS, NULL))
        return VIT_OK;
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        for (const struct vit_kernel *kernel = vit_op_table[kind]->cpu; kernel->forward; kernel++) {
            const size_t used = strlen(names);
            if (!is_listed(kernel->name, kind, kernel))
                snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", kernel->name);
        }
    return vit_fail(VIT_EINVAL, "kernel %s: no operator has one of this name; there are %s", name, names);
}

static const struct vit_kernel *choose_kernel(const struct vit_op *op, const struct vit_kernel *kernel,
                                              const char *name)
{
    for (const struct vit_kernel *k = kernel; name && k->forward; k++)
        if (strcmp(k->name, name) == 0 && (!k->supports || k->supports(op)))
            return k;
    while (kernel->supports && !kernel->supports(op))
        kernel++;
    return kernel;
}

static struct vit_step make_step(const struct vit_op *op, enum vit_pass pass, const struct vit_plan_options *options)
{
    struct vit_step step = {.pass = pass, .op = op, .def = vit_op_table[op->kind]};
    step.kernel = choose_kernel(op, pass == VIT_FORWARD ? step.def->cpu : step.def->backward, options->kernel);
    step.cost = pass == VIT_FORWARD ? vit_op_cost(op) : vit_op_backward_cost(op);
    step.workspace_bytes = step.kernel->workspace ? step.kernel->workspace(op, options->threads) : 0;
    return step;
}

/* Splits operators into those that run once (prepare) and those of every forward. */
static int make_steps(struct vit_plan *plan, const struct vit_plan_options *options)
{
    const struct vit_graph *graph = plan->graph;
    struct vit_step *steps = calloc((size_t)graph->n_op * (options->backward ? 3 : 1) + 1, sizeof *steps);
    struct vit_step *prepare = calloc((size_t)graph->n_op + 1, sizeof *prepare);
    plan->step = steps;
    plan->prepare = prepare;
    if (!steps || !prepare)
        return vit_fail(VIT_ENOMEM, "out of memory: plan of %d operators", graph->n_op);
    for (int i = 0; i < graph->n_op; i++) {
        struct vit_step step = make_step(graph->op[i], VIT_FORWARD, options);
        if (plan->workspace_bytes < step.workspace_bytes)
            plan->workspace_bytes = step.workspace_bytes;
        if (graph->op[i]->prepare) {
            step.index = plan->n_prepare;
            prepare[plan->n_prepare++] = step;
        } else {
            step.index = plan->n_step;
            steps[plan->n_step++] = step;
        }
    }
    plan->n_forward = plan->n_step;
    return options->backward ? vit_plan_add_backward(plan, options, make_step) : VIT_OK;
}

static void touch(struct vit_lifetime *lifetime, const struct vit_tensor *tensor, int step)
{
    struct vit_lifetime *l = &lifetime[vit_owner(tensor)->id];
    if (l->first_again >= 0 && step >= l->first_again) { /* steps come in order: it was computed again before */
        l->last_again = step;
        return;
    }
    if (l->first < 0 || step < l->first)
        l->first = step;
    if (step > l->last)
        l->last = step;
}

/* What a step reads and writes. */
static void touch_step(struct vit_lifetime *lifetime, const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    const bool back = step->pass == VIT_BACKWARD;
    for (int k = 0; step->again && k < op->n_out; k++)
        lifetime[vit_owner(op->out[k])->id].first_again = step->index;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): make_steps has filled every step */
    for (int k = 0; k < op->n_in; k++) {
        if (!back || step->def->backward_reads & VIT_READS_IN(k))
            touch(lifetime, op->in[k], step->index);
        if (back && op->in[k]->grad)
            touch(lifetime, op->in[k]->grad, step->index);
    }
    for (int k = 0; k < op->n_out; k++) {
        if (!back || step->def->backward_reads & VIT_READS_OUT(k))
            touch(lifetime, op->out[k], step->index);
        if (back && op->out[k]->grad)
            touch(lifetime, op->out[k]->grad, step->index);
    }
}

static void find_lifetimes(const struct vit_plan *plan, bool keep_taps, struct vit_lifetime *lifetime)
{
    const struct vit_graph *graph = plan->graph;
    for (int i = 0; i < graph->n_tensor; i++)
        lifetime[i] = (struct vit_lifetime){
            .first = -1, .last = -1, .first_again = -1, .last_again = -1, .bytes = vit_nbytes(graph->tensor[i])};
    for (int i = 0; i < plan->n_step; i++)
        touch_step(lifetime, &plan->step[i]);
    if (graph->logits)
        touch(lifetime, graph->logits, plan->n_step);
    if (graph->logits_distilled)
        touch(lifetime, graph->logits_distilled, plan->n_step);
    if (graph->loss)
        touch(lifetime, graph->loss, plan->n_step);
    for (int i = 0; keep_taps && i < graph->n_tap; i++) {
        touch(lifetime, graph->tap[i].tensor, plan->n_step);
        if (graph->tap[i].tensor->grad)
            touch(lifetime, graph->tap[i].tensor->grad, plan->n_step);
    }
    for (int i = 0; keep_taps && i < graph->n_region; i++)
        touch(lifetime, graph->region[i].tensor, plan->n_step);
}

/* Spaces other than activations hold everything at once, in the order of the graph. */
static void place_permanent(struct vit_plan *plan)
{
    for (int i = 0; i < plan->graph->n_tensor; i++) {
        struct vit_tensor *tensor = plan->graph->tensor[i];
        if (tensor->base || tensor->space == VIT_SPACE_ACTIVATION || tensor->space == VIT_SPACE_CONSTANT)
            continue;
        size_t mask = VIT_ARENA_ALIGNMENT - 1;
        tensor->offset = plan->space_bytes[tensor->space];
        plan->space_bytes[tensor->space] += (vit_nbytes(tensor) + mask) & ~mask;
    }
}

static int place_activations(struct vit_plan *plan, bool keep_taps)
{
    const struct vit_graph *graph = plan->graph;
    struct vit_lifetime *lifetime = calloc((size_t)graph->n_tensor + 1, sizeof *lifetime);
    if (!lifetime)
        return vit_fail(VIT_ENOMEM, "out of memory: lifetimes of %d tensors", graph->n_tensor);
    find_lifetimes(plan, keep_taps, lifetime);
    for (int i = 0; i < graph->n_tensor; i++)
        if (graph->tensor[i]->space != VIT_SPACE_ACTIVATION || graph->tensor[i]->base)
            lifetime[i].first = -1;
    int status = vit_memory_plan(lifetime, graph->n_tensor, &plan->space_bytes[VIT_SPACE_ACTIVATION]);
    for (int i = 0; status == VIT_OK && i < graph->n_tensor; i++) {
        if (lifetime[i].first < 0)
            continue;
        graph->tensor[i]->offset = lifetime[i].offset;
        plan->unshared_bytes += lifetime[i].bytes;
        for (int s = 0; s < plan->n_step; s++)
            if (vit_lifetime_covers(&lifetime[i], s))
                plan->step[s].live_bytes += lifetime[i].bytes;
    }
    for (int s = 0; s < plan->n_step; s++)
        if (plan->peak_live_bytes < plan->step[s].live_bytes)
            plan->peak_live_bytes = plan->step[s].live_bytes;
    free(lifetime);
    return status;
}

int vit_plan_build(struct vit_plan *plan, struct vit_graph *graph, struct vit_plan_options options)
{
    if (!options.threads)
        options.threads = 1;
    *plan = (struct vit_plan){.graph = graph, .threads = options.threads};
    int status = graph->status;
    if (status == VIT_OK)
        status = check_kernel_name(options.kernel);
    if (status == VIT_OK)
        status = make_steps(plan, &options);
    if (status == VIT_OK) {
        place_permanent(plan);
        status = place_activations(plan, options.keep_taps);
    }
    if (status != VIT_OK)
        vit_plan_close(plan);
    return status;
}

void vit_plan_close(struct vit_plan *plan)
{
    free(plan->step);
    free(plan->prepare);
    free(plan->fill);
    *plan = (struct vit_plan){0};
}

size_t vit_plan_kept_bytes(const struct vit_plan *plan)
{
    return plan->n_step > plan->n_forward ? plan->step[plan->n_forward - 1].live_bytes : 0;
}

struct vit_cost vit_plan_cost(const struct vit_plan *plan)
{
    struct vit_cost sum = {0};
    for (int i = 0; i < plan->n_step; i++) {
        const struct vit_cost *c = &plan->step[i].cost;
        sum.macs += c->macs;
        sum.flops += c->flops;
        sum.read_weight_bytes += c->read_weight_bytes;
        sum.read_activation_bytes += c->read_activation_bytes;
        sum.write_bytes += c->write_bytes;
    }
    return sum;
}
