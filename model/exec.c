/* SPDX-License-Identifier: MIT */
#include "model/exec.h"

#include "model/base/memory_block.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/blas.h"

#include <stdlib.h>

static void place(struct vit_exec *exec, struct vit_tensor *tensor)
{
    if (tensor->base)
        tensor->data = tensor->base->data + tensor->base_offset; /* bases come first in the graph */
    else if (tensor->space == VIT_SPACE_CONSTANT)
        tensor->data = (vit_real *)(uintptr_t)tensor->constant; /* no kernel writes to an input */
    else
        tensor->data = (vit_real *)(void *)((char *)exec->memory[tensor->space] + tensor->offset);
}

/* OpenBLAS is checked where it computes; the check alone makes megabytes of it resident. */
static int open_blas(const struct vit_plan *plan)
{
    bool needed = false;
    for (int i = 0; i < plan->n_prepare; i++)
        needed = needed || plan->prepare[i].kernel->blas;
    for (int i = 0; i < plan->n_step; i++)
        needed = needed || plan->step[i].kernel->blas;
    return needed ? vit_blas_open() : VIT_OK;
}

int vit_exec_open(struct vit_exec *exec, struct vit_plan *plan)
{
    static const char *const what[VIT_N_SPACES] = {"input",           "weights",     "running statistics", "constants",
                                                   "derived weights", "activations", "gradients"};
    *exec = (struct vit_exec){.plan = plan};
    int status = open_blas(plan);
    for (int i = 0; i < VIT_N_SPACES && status == VIT_OK; i++)
        status = vit_memory_block(&exec->memory[i], plan->space_bytes[i], what[i]);
    if (status == VIT_OK)
        status = vit_memory_block(&exec->workspace, plan->workspace_bytes, "workspace");
    if (status == VIT_OK && plan->threads > 1)
        status = vit_parallel_open(&exec->pool, plan->threads);
    if (status != VIT_OK) {
        vit_exec_close(exec);
        return status;
    }
    for (int i = 0; i < plan->graph->n_tensor; i++)
        place(exec, plan->graph->tensor[i]);
    for (int i = 0; i < plan->n_prepare; i++) {
        plan->prepare[i].workspace = exec->workspace;
        plan->prepare[i].pool = exec->pool;
    }
    for (int i = 0; i < plan->n_step; i++) {
        plan->step[i].workspace = exec->workspace;
        plan->step[i].pool = exec->pool;
    }
    return VIT_OK;
}

void vit_exec_close(struct vit_exec *exec)
{
    vit_parallel_close(exec->pool);
    for (int i = 0; i < VIT_N_SPACES; i++)
        free(exec->memory[i]);
    free(exec->workspace);
    if (exec->plan)
        for (int i = 0; i < exec->plan->graph->n_tensor; i++)
            exec->plan->graph->tensor[i]->data = NULL;
    *exec = (struct vit_exec){0};
}

void vit_exec_prepare(struct vit_exec *exec)
{
    for (int i = 0; i < exec->plan->n_prepare; i++)
        exec->plan->prepare[i].kernel->forward(&exec->plan->prepare[i]);
}

void vit_exec_connect(struct vit_exec *exec, struct vit_communicator *comm)
{
    for (int i = 0; i < exec->plan->n_step; i++)
        exec->plan->step[i].comm = comm;
}

void vit_exec_observe(struct vit_exec *exec, const struct vit_observer *observer, int n)
{
    exec->observer = observer;
    exec->n_observer = n;
}

static void fill(const struct vit_step *step)
{
    for (int i = 0; i < step->n_fill; i++) {
        const int64_t n = vit_numel(step->fill[i].tensor);
        for (int64_t k = 0; k < n; k++)
            step->fill[i].tensor->data[k] = step->fill[i].value;
    }
}

void vit_exec_run(struct vit_exec *exec)
{
    const struct vit_observer *observer = exec->observer;
    int n = exec->n_observer;
    for (int i = 0; i < exec->plan->n_step; i++) {
        const struct vit_step *step = &exec->plan->step[i];
        for (int k = 0; k < n; k++)
            observer[k].begin(observer[k].self, step);
        fill(step);
        step->kernel->forward(step);
        for (int k = n; k-- > 0;)
            observer[k].end(observer[k].self, step);
    }
}
