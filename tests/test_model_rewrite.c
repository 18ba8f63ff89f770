/* SPDX-License-Identifier: MIT */
/* Rewrites on graphs of a few operators, compared with the same graph before them. */
#include "model/rewrite.h"

#include "model/exec.h"
#include "model/weights/generate.h"
#include "model/weights/weights.h"
#include "tests/support/test.h"

#include <stdlib.h>

#define PLAIN ((struct vit_attr){0})

/* Folded weights are rounded once more than eager ones; the values are of order 1. */
static const double tolerance = sizeof(vit_real) == sizeof(double) ? 1e-13 : 1e-5;

typedef void (*builder)(struct vit_graph *g);

struct net {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
};

static struct vit_tensor *param(struct vit_graph *g, const char *name, int ndim, const int64_t *dim)
{
    return vit_graph_tensor(g, name, VIT_SPACE_PARAM, ndim, dim);
}

static struct vit_tensor *norm(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t channels)
{
    static const char *const part[] = {"weight", "bias", "running_mean", "running_var"};
    struct vit_tensor *in[5] = {x};
    for (int i = 0; i < 4; i++)
        in[i + 1] = vit_graph_tensor(g, vit_graph_name(g, "%s.%s", name, part[i]),
                                     i < 2 ? VIT_SPACE_PARAM : VIT_SPACE_BUFFER, 1, &channels);
    return vit_graph_op(g, VIT_OP_batch_norm, name, (struct vit_attr){.eps = 1e-5}, 5, in);
}

static struct vit_tensor *conv(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t out)
{
    struct vit_tensor *w = param(g, vit_graph_name(g, "%s.weight", name), 4, (int64_t[]){out, x->dim[1], 3, 3});
    return vit_add_op(g, VIT_OP_conv2d, name, ((struct vit_attr){.kernel = 3, .stride = 1, .pad = 1}), x, w);
}

static struct vit_tensor *linear(struct vit_graph *g, const char *name, struct vit_tensor *x, int64_t out)
{
    struct vit_tensor *w = param(g, vit_graph_name(g, "%s.weight", name), 2, (int64_t[]){out, x->dim[x->ndim - 1]});
    struct vit_tensor *b = param(g, vit_graph_name(g, "%s.bias", name), 1, &out);
    return vit_add_op(g, VIT_OP_linear, name, PLAIN, x, w, b);
}

static struct vit_tensor *image(struct vit_graph *g)
{
    return g->input = vit_graph_tensor(g, "input", VIT_SPACE_INPUT, 4, (int64_t[]){2, 3, 6, 6});
}

static void build(struct net *net, builder describe, const char *variant)
{
    *net = (struct net){.graph = {.name = "tiny", .batch = 2}};
    describe(&net->graph);
    assert_ok(net->graph.status);
    assert_ok(vit_graph_rewrite(&net->graph, variant));
    assert_ok(vit_plan_build(&net->plan, &net->graph, (struct vit_plan_options){.keep_taps = true}));
    assert_ok(vit_exec_open(&net->exec, &net->plan));
}

static void run(struct net *net, uint64_t seed)
{
    assert_ok(vit_weights_generate(&net->graph, seed));
    vit_exec_prepare(&net->exec);
    vit_generate_input(seed, vit_numel(net->graph.input), net->graph.input->data);
    vit_exec_run(&net->exec);
}

static void close_net(struct net *net)
{
    vit_exec_close(&net->exec);
    vit_plan_close(&net->plan);
    vit_graph_close(&net->graph);
}

static int count(const struct vit_graph *graph, enum vit_op_kind kind)
{
    int n = 0;
    for (int i = 0; i < graph->n_op; i++)
        n += graph->op[i]->kind == kind;
    return n;
}

static void assert_same_values(const struct vit_tensor *got, const struct vit_tensor *want)
{
    assert_int_equal(vit_numel(got), vit_numel(want));
    for (int64_t i = 0; i < vit_numel(want); i++)
        assert_close(got->data[i], want->data[i], tolerance * (1 + fabs((double)want->data[i])));
}

/* Both variants agree, and `norms` batch norms are left in the folded one. */
static void check_folding(builder describe, int norms)
{
    struct net eager, folded;
    build(&eager, describe, "eager");
    build(&folded, describe, "folded");
    assert_int_equal(count(&folded.graph, VIT_OP_batch_norm), norms);
    run(&eager, 3);
    run(&folded, 3);
    assert_same_values(folded.graph.logits, eager.graph.logits);
    for (int i = 0; i < folded.graph.n_tap; i++)
        for (int k = 0; k < eager.graph.n_tap; k++)
            if (strcmp(folded.graph.tap[i].name, eager.graph.tap[k].name) == 0)
                assert_same_values(folded.graph.tap[i].tensor, eager.graph.tap[k].tensor);
    close_net(&eager);
    close_net(&folded);
}

static void conv_norm(struct vit_graph *g)
{
    struct vit_tensor *x = conv(g, "conv", image(g), 4);
    vit_graph_tap(g, "before", x);
    x = norm(g, "bn", x, 4);
    vit_graph_tap(g, "after", x);
    g->logits = vit_graph_reshape(g, x, 2, (int64_t[]){2, -1});
}

static void test_rewrite_folds_a_norm_into_the_convolution_before_it(void **state)
{
    (void)state;
    check_folding(conv_norm, 0);
    struct net folded;
    build(&folded, conv_norm, "folded");
    assert_int_equal(folded.graph.n_tap, 1); /* the value before the norm no longer exists */
    assert_string_equal(folded.graph.tap[0].name, "after");
    assert_int_equal(folded.plan.n_step, 1);
    assert_int_equal(folded.plan.n_prepare, 1);
    close_net(&folded);
}

static void linear_norm(struct vit_graph *g)
{
    struct vit_tensor *x = vit_graph_reshape(g, image(g), 2, (int64_t[]){2, -1});
    g->logits = norm(g, "bn", linear(g, "fc", x, 5), 5);
}

static void test_rewrite_folds_a_norm_into_the_linear_before_it(void **state)
{
    (void)state;
    check_folding(linear_norm, 0);
}

static void norm_linear(struct vit_graph *g)
{
    struct vit_tensor *x = vit_graph_reshape(g, image(g), 2, (int64_t[]){2, -1});
    x = norm(g, "bn", x, 108);
    vit_graph_tap(g, "head.bn", x);
    g->logits = linear(g, "fc", x, 5);
}

static void test_rewrite_folds_a_norm_into_the_linear_after_it(void **state)
{
    (void)state;
    check_folding(norm_linear, 0);
    struct net folded;
    build(&folded, norm_linear, "folded");
    assert_int_equal(folded.graph.n_tap, 0);
    close_net(&folded);
}

static void two_readers(struct vit_graph *g)
{
    struct vit_tensor *x = conv(g, "conv", image(g), 3);
    x = vit_add_op(g, VIT_OP_add, "sum", PLAIN, norm(g, "bn", x, 3), x);
    g->logits = vit_graph_reshape(g, x, 2, (int64_t[]){2, -1});
}

static void test_rewrite_leaves_a_norm_whose_input_has_two_readers(void **state)
{
    (void)state;
    check_folding(two_readers, 1);
}

/* What comes before the norm is a result itself. */
static void result_before(struct vit_graph *g)
{
    struct vit_tensor *x = vit_graph_reshape(g, image(g), 2, (int64_t[]){2, -1});
    g->logits = linear(g, "fc", x, 5);
    vit_graph_tap(g, "after", norm(g, "bn", g->logits, 5));
}

static void test_rewrite_leaves_a_norm_of_the_logits(void **state)
{
    (void)state;
    check_folding(result_before, 1);
}

/* (2, 5, 5) of a linear: its features are the last axis, the norm's channels axis 1, and both are 5. */
static void linear_of_tokens(struct vit_graph *g)
{
    g->input = vit_graph_tensor(g, "input", VIT_SPACE_INPUT, 3, (int64_t[]){2, 5, 7});
    struct vit_tensor *x = norm(g, "bn", linear(g, "fc", g->input, 5), 5);
    g->logits = vit_graph_reshape(g, x, 2, (int64_t[]){2, -1});
}

static void test_rewrite_leaves_a_norm_over_another_axis_than_the_features(void **state)
{
    (void)state;
    check_folding(linear_of_tokens, 1);
}

/* The norm reads the map in another shape: its channels are not those of the convolution. */
static void reshaped(struct vit_graph *g)
{
    struct vit_tensor *x = conv(g, "conv", image(g), 4);
    x = norm(g, "bn", vit_graph_reshape(g, x, 3, (int64_t[]){4, 4, -1}), 4);
    g->logits = vit_graph_reshape(g, x, 2, (int64_t[]){2, -1});
}

static void test_rewrite_leaves_a_norm_of_another_shape(void **state)
{
    (void)state;
    check_folding(reshaped, 1);
}

static void norm_alone(struct vit_graph *g)
{
    g->logits = vit_graph_reshape(g, norm(g, "bn", image(g), 3), 2, (int64_t[]){2, -1});
}

static void test_rewrite_leaves_a_norm_of_the_input(void **state)
{
    (void)state;
    check_folding(norm_alone, 1);
}

/* Two norms in a row: the first goes into the convolution, then the second follows the convolution too. */
static void chain(struct vit_graph *g)
{
    struct vit_tensor *x = norm(g, "bn2", norm(g, "bn1", conv(g, "conv", image(g), 4), 4), 4);
    g->logits = vit_graph_reshape(g, x, 2, (int64_t[]){2, -1});
}

static void test_rewrite_folds_norms_in_a_row(void **state)
{
    (void)state;
    check_folding(chain, 0);
}

static void test_rewrite_refuses_unknown_graphs(void **state)
{
    (void)state;
    static const char *const wrong[] = {"fused", "", "eage", "eager ", "Folded", "fold_norms"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_graph graph = {0};
        conv_norm(&graph);
        int ops = graph.n_op;
        assert_fails(vit_graph_rewrite(&graph, wrong[i]), VIT_EINVAL, "is unknown; there are eager, folded");
        assert_int_equal(graph.n_op, ops);
        vit_graph_close(&graph);
    }
}

static void count_begin(void *self, const struct vit_step *step)
{
    assert_false(step->op->prepare);
    ++*(int *)self;
}

static void count_end(void *self, const struct vit_step *step)
{
    (void)self;
    (void)step;
}

static void test_rewrite_prepares_once(void **state)
{
    (void)state;
    struct net net;
    int seen = 0;
    const struct vit_observer observer = {count_begin, count_end, &seen};
    build(&net, conv_norm, "folded");
    run(&net, 1);
    struct vit_op *prepare = NULL;
    for (int i = 0; i < net.graph.n_op; i++)
        if (net.graph.op[i]->prepare)
            prepare = net.graph.op[i];
    assert_non_null(prepare);
    assert_int_equal(prepare->out[0]->space, VIT_SPACE_DERIVED);
    vit_exec_observe(&net.exec, &observer, 1);
    prepare->out[1]->data[0] += 1000; /* a forward that prepared again would undo this */
    vit_exec_run(&net.exec);
    vit_exec_run(&net.exec);
    assert_int_equal(seen, 2 * net.plan.n_step);
    assert_true(net.graph.logits->data[0] > 900);
    vit_exec_prepare(&net.exec);
    vit_exec_run(&net.exec);
    assert_true(net.graph.logits->data[0] < 900);
    close_net(&net);
}

static void test_rewrite_derived_weights_follow_new_weights(void **state)
{
    (void)state;
    struct net eager, folded;
    build(&eager, chain, "eager");
    build(&folded, chain, "folded");
    run(&folded, 1);
    vit_real before = folded.graph.logits->data[0];
    run(&folded, 2);
    run(&eager, 2);
    assert_true(folded.graph.logits->data[0] != before);
    assert_same_values(folded.graph.logits, eager.graph.logits);
    close_net(&eager);
    close_net(&folded);
}

static void test_rewrite_drops_the_marked_operators_in_order(void **state)
{
    (void)state;
    struct vit_graph graph = {0};
    struct vit_tensor *x = image(&graph);
    for (int i = 0; i < 4; i++)
        x = vit_add_op(&graph, VIT_OP_relu, vit_graph_name(&graph, "relu%d", i), PLAIN, x);
    vit_graph_drop_ops(&graph, (const bool[]){true, false, true, false});
    assert_int_equal(graph.n_op, 2);
    assert_string_equal(graph.op[0]->name, "relu1");
    assert_string_equal(graph.op[1]->name, "relu3");
    vit_graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite_folds_a_norm_into_the_convolution_before_it),
        cmocka_unit_test(test_rewrite_folds_a_norm_into_the_linear_before_it),
        cmocka_unit_test(test_rewrite_folds_a_norm_into_the_linear_after_it),
        cmocka_unit_test(test_rewrite_leaves_a_norm_whose_input_has_two_readers),
        cmocka_unit_test(test_rewrite_leaves_a_norm_of_the_logits),
        cmocka_unit_test(test_rewrite_leaves_a_norm_over_another_axis_than_the_features),
        cmocka_unit_test(test_rewrite_leaves_a_norm_of_another_shape),
        cmocka_unit_test(test_rewrite_leaves_a_norm_of_the_input),
        cmocka_unit_test(test_rewrite_folds_norms_in_a_row),
        cmocka_unit_test(test_rewrite_refuses_unknown_graphs),
        cmocka_unit_test(test_rewrite_prepares_once),
        cmocka_unit_test(test_rewrite_derived_weights_follow_new_weights),
        cmocka_unit_test(test_rewrite_drops_the_marked_operators_in_order),
    };
    return cmocka_run_group_tests_name("model_rewrite", tests, NULL, NULL);
}
