/* SPDX-License-Identifier: MIT */
#include "tests/support/probe_plan.h"

#include "tests/support/test.h"

void probe_plan_open(struct probe_plan *p, int64_t batch, int64_t side, int threads)
{
    *p = (struct probe_plan){0};
    struct vit_graph *g = &p->graph;
    struct vit_tensor *x = vit_graph_tensor(g, "x", VIT_SPACE_INPUT, 4, (int64_t[]){batch, 3, side, side});
    struct vit_tensor *bias = vit_graph_tensor(g, "bias", VIT_SPACE_PARAM, 3, (int64_t[]){3, 1, 1});
    struct vit_tensor *a = vit_add_op(g, VIT_OP_scale, "a", ((struct vit_attr){.scale = 0.5}), x);
    struct vit_tensor *b = vit_add_op(g, VIT_OP_add, "b", ((struct vit_attr){0}), a, bias);
    struct vit_tensor *c = vit_add_op(g, VIT_OP_relu, "c", ((struct vit_attr){0}), b);
    g->logits = vit_add_op(g, VIT_OP_add, "logits", ((struct vit_attr){0}), c, x);
    g->input = x;
    assert_ok(g->status);
    assert_ok(vit_plan_build(&p->plan, g, (struct vit_plan_options){.threads = threads}));
    assert_int_equal(p->plan.n_step, PROBE_PLAN_STEPS);
    assert_ok(vit_exec_open(&p->exec, &p->plan));
    for (int64_t i = 0; i < vit_numel(x); i++)
        x->data[i] = (vit_real)(i % 7) - 3;
    for (int i = 0; i < 3; i++)
        bias->data[i] = (vit_real)i;
}

void probe_plan_close(struct probe_plan *p)
{
    vit_exec_close(&p->exec);
    vit_plan_close(&p->plan);
    vit_graph_close(&p->graph);
}
