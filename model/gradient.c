/* SPDX-License-Identifier: MIT */
#include "model/gradient.h"

#include "model/base/status.h"

#include <stdlib.h>

/* Per tensor id; of the owners of memory. */
struct marks {
    bool *varies;  /* depends on something that is learned */
    bool *decides; /* the loss depends on it */
};

static bool is_learned(const struct vit_graph *graph, const struct vit_tensor *tensor,
                       const struct vit_gradient_options *options)
{
    return tensor->space == VIT_SPACE_PARAM || (options->input && tensor == graph->input);
}

/* What ran once, since it reads weights only, runs in every forward: these weights change. */
static void run_always(const struct vit_graph *graph)
{
    for (int i = 0; i < graph->n_op; i++) {
        struct vit_op *op = graph->op[i];
        if (!op->prepare || !vit_op_table[op->kind]->backward)
            continue;
        op->prepare = false;
        for (int k = 0; k < graph->n_tensor; k++)
            if (vit_owner(graph->tensor[k]) == op->out[0])
                graph->tensor[k]->space = VIT_SPACE_ACTIVATION;
    }
}

static void mark(const struct vit_graph *graph, const struct vit_tensor *loss,
                 const struct vit_gradient_options *options, struct marks *marks)
{
    for (int i = 0; i < graph->n_tensor; i++)
        marks->varies[i] = is_learned(graph, graph->tensor[i], options);
    for (int i = 0; i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        bool varies = false;
        for (int k = 0; k < op->n_in; k++)
            varies = varies || marks->varies[vit_owner(op->in[k])->id];
        for (int k = 0; k < op->n_out; k++)
            marks->varies[vit_owner(op->out[k])->id] = varies;
    }
    marks->decides[vit_owner(loss)->id] = true;
    for (int i = graph->n_op; i-- > 0;) {
        const struct vit_op *op = graph->op[i];
        bool decides = false;
        for (int k = 0; k < op->n_out; k++)
            decides = decides || marks->decides[vit_owner(op->out[k])->id];
        for (int k = 0; decides && k < op->n_in; k++)
            marks->decides[vit_owner(op->in[k])->id] = true;
    }
}

static struct vit_tensor *make_gradient(struct vit_graph *graph, const struct vit_tensor *of)
{
    enum vit_space space = of->space == VIT_SPACE_ACTIVATION ? VIT_SPACE_ACTIVATION : VIT_SPACE_GRADIENT;
    struct vit_tensor *gradient =
        vit_graph_tensor(graph, vit_graph_name(graph, "%s.grad", of->name), space, of->ndim, of->dim);
    if (gradient && of->base) {
        gradient->base = of->base->grad;
        gradient->base_offset = of->base_offset;
    }
    return gradient;
}

static int check_operators(const struct vit_graph *graph, const struct marks *marks)
{
    for (int i = 0; i < graph->n_op; i++) {
        const struct vit_op *op = graph->op[i];
        const int out = vit_owner(op->out[0])->id;
        if (!marks->varies[out] || !marks->decides[out])
            continue;
        if (op->prepare)
            return vit_op_fail(op, "runs once, before training: train the eager or the train graph");
        if (!vit_op_table[op->kind]->backward)
            return vit_op_fail(op, "has no backward");
    }
    return VIT_OK;
}

int vit_graph_differentiate(struct vit_graph *graph, struct vit_tensor *loss, struct vit_gradient_options options)
{
    if (graph->status != VIT_OK)
        return graph->status;
    const int n = graph->n_tensor; /* gradients are added behind */
    struct marks marks = {calloc((size_t)n, sizeof *marks.varies), calloc((size_t)n, sizeof *marks.decides)};
    int status = marks.varies && marks.decides ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: gradients");
    if (status == VIT_OK) {
        run_always(graph);
        mark(graph, loss, &options, &marks);
        status = check_operators(graph, &marks);
    }
    for (int i = 0; i < n && status == VIT_OK; i++) {
        struct vit_tensor *tensor = graph->tensor[i];
        const int owner = vit_owner(tensor)->id;
        if (marks.varies[owner] && marks.decides[owner])
            tensor->grad = make_gradient(graph, tensor);
        status = graph->status;
    }
    graph->loss = loss;
    free(marks.varies);
    free(marks.decides);
    return status;
}
