/* SPDX-License-Identifier: MIT */
#include "tests/support/op_case.h"

#include "model/base/status.h"

#include <string.h>

#define LIST(...)   \
    {               \
        __VA_ARGS__ \
    }
#define IN(...) LIST(__VA_ARGS__)
#define OUT(...) LIST(__VA_ARGS__)
#define PLAIN .axis = 0 /* no attribute is read */

const struct vit_op_case vit_op_cases[] = {
#define OP_CASE(name, inputs, outputs, ...) \
    {.kind = VIT_OP_##name, .in = inputs, .out = outputs, .attr = {__VA_ARGS__}, .line = __LINE__},
#define OP_REFUSED(name, inputs, text, ...)
#include "tests/op_cases.def"
#undef OP_CASE
#undef OP_REFUSED
};
const int vit_n_op_cases = (int)(sizeof vit_op_cases / sizeof vit_op_cases[0]);

const struct vit_op_case vit_refused_cases[] = {
#define OP_CASE(name, inputs, outputs, ...)
#define OP_REFUSED(name, inputs, text, ...) \
    {.kind = VIT_OP_##name, .in = inputs, .message = text, .attr = {__VA_ARGS__}, .line = __LINE__},
#include "tests/op_cases.def"
#undef OP_CASE
#undef OP_REFUSED
};
const int vit_n_refused_cases = (int)(sizeof vit_refused_cases / sizeof vit_refused_cases[0]);

int vit_case_ndim(const int64_t dim[VIT_MAX_DIMS])
{
    int n = 0;
    while (n < VIT_MAX_DIMS && dim[n])
        n++;
    return n;
}

/* Inputs that are activations come first; for most kinds it is one. */
static int activations(enum vit_op_kind kind)
{
    switch (kind) {
    case VIT_OP_matmul:
    case VIT_OP_add:
    case VIT_OP_mul:
        return 2;
    case VIT_OP_concat:
        return VIT_MAX_IN;
    case VIT_OP_position_bias:
    case VIT_OP_fold_batch_norm:
        return 0;
    default:
        return 1;
    }
}

int vit_op_case_graph(const struct vit_op_case *op_case, struct vit_graph *graph)
{
    struct vit_tensor *in[VIT_MAX_IN] = {0};
    int n_in = 0;
    *graph = (struct vit_graph){0};
    while (n_in < VIT_MAX_IN && op_case->in[n_in][0]) {
        enum vit_space space = n_in < activations(op_case->kind) ? VIT_SPACE_INPUT : VIT_SPACE_PARAM;
        const char *name = vit_graph_name(graph, "in%d", n_in);
        in[n_in] = vit_graph_tensor(graph, name, space, vit_case_ndim(op_case->in[n_in]), op_case->in[n_in]);
        n_in++;
    }
    graph->logits = vit_graph_op(graph, op_case->kind, "unit", op_case->attr, n_in, in);
    return graph->status;
}

/* splitmix64: every element of every input has its own number. */
static double uniform(uint64_t seed)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Between -3 and 3, where every activation function bends; variances between 0.25 and 2.25. */
void vit_op_case_fill(const struct vit_op *op)
{
    for (int i = 0; i < op->n_in; i++) {
        bool variance = i == 4 && (op->kind == VIT_OP_batch_norm || op->kind == VIT_OP_fold_batch_norm);
        for (int64_t k = 0; k < vit_numel(op->in[i]); k++) {
            double u = uniform((uint64_t)k * VIT_MAX_IN + (uint64_t)i + 1);
            op->in[i]->data[k] = (vit_real)(variance ? 0.25 + 2 * u : 6 * u - 3);
        }
    }
}

/* Bytes of NaN: what a kernel forgets to write, or reads before it writes, shows. */
static void poison(const struct vit_op_run *run)
{
    for (int i = 0; i < run->op->n_out; i++)
        memset(run->op->out[i]->data, 0xff, vit_nbytes(run->op->out[i]));
    if (run->plan.workspace_bytes)
        memset(run->exec.workspace, 0xff, run->plan.workspace_bytes);
}

int vit_op_run_open(struct vit_op_run *run, const struct vit_op_case *op_case, const struct vit_kernel *kernel,
                    int threads)
{
    *run = (struct vit_op_run){0};
    int status = vit_op_case_graph(op_case, &run->graph);
    if (status == VIT_OK)
        status = vit_plan_build(&run->plan, &run->graph, (struct vit_plan_options){.threads = threads});
    if (status == VIT_OK) {
        struct vit_step *step = &run->plan.step[0];
        run->op = step->op;
        if (kernel) {
            step->kernel = kernel;
            step->workspace_bytes = kernel->workspace ? kernel->workspace(step->op, threads) : 0;
            run->plan.workspace_bytes = step->workspace_bytes;
        }
        status = vit_exec_open(&run->exec, &run->plan);
    }
    if (status != VIT_OK) {
        vit_op_run_close(run);
        return status;
    }
    vit_op_case_fill(run->op);
    poison(run);
    vit_exec_run(&run->exec);
    return VIT_OK;
}

void vit_op_run_close(struct vit_op_run *run)
{
    vit_exec_close(&run->exec);
    vit_plan_close(&run->plan);
    vit_graph_close(&run->graph);
}
