/* SPDX-License-Identifier: MIT */
#include "tests/support/two_layers.h"

#include "model/train/loss.h"
#include "model/zoo/layers.h"
#include "tests/support/test.h"

void two_layers_open(struct two_layers *net, int threads)
{
    *net = (struct two_layers){0};
    struct vit_graph *g = &net->graph;
    g->name = "two_layers";
    g->batch = 1;
    g->input = vit_graph_tensor(g, "input", VIT_SPACE_INPUT, 2, (int64_t[]){1, 4});
    g->logits = vit_layer_linear(g, "head", vit_layer_linear(g, "fc", g->input, 3, true), 2, true);
    assert_ok(vit_graph_add_loss(g, &(struct vit_loss_options){0}));
    assert_ok(vit_plan_build(&net->plan, g, (struct vit_plan_options){.threads = threads, .backward = true}));
    assert_ok(vit_exec_open(&net->exec, &net->plan));
}

void two_layers_close(struct two_layers *net)
{
    vit_exec_close(&net->exec);
    vit_plan_close(&net->plan);
    vit_graph_close(&net->graph);
}

struct vit_tensor *two_layers_parameter(const struct two_layers *net, int k)
{
    for (int i = 0; i < net->graph.n_tensor; i++)
        if (net->graph.tensor[i]->space == VIT_SPACE_PARAM && k-- == 0)
            return net->graph.tensor[i];
    fail_msg("the net has four parameters");
    return NULL;
}

void two_layers_fill(struct two_layers *net)
{
    for (int k = 0; k < 4; k++) {
        struct vit_tensor *p = two_layers_parameter(net, k);
        for (int i = 0; i < (int)vit_numel(p); i++) {
            p->data[i] = (float)sin(1.7 * i + k);
            p->grad->data[i] = (float)cos(2.3 * i + k);
        }
    }
}

void two_layers_read(const struct two_layers *net, bool gradients, double number[TWO_LAYERS_NUMBERS])
{
    for (int k = 0; k < 4; k++) {
        const struct vit_tensor *p = two_layers_parameter(net, k);
        for (int64_t i = 0; i < vit_numel(p); i++)
            *number++ = (double)(gradients ? p->grad : p)->data[i];
    }
}
