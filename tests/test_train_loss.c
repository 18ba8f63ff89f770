/* SPDX-License-Identifier: MIT */
/* Losses and their gradients against torch (2.15, float64): logits 2 sin(1.3 i), a teacher's 3 cos(0.7 i), three images
 * of five classes, labels 0, 1, 2 smoothed by 0.1. */
#include "model/exec.h"
#include "model/train/loss.h"
#include "tests/support/test.h"

enum { BATCH = 3, CLASSES = 5, N = BATCH * CLASSES };

struct net {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    struct vit_tensor *x, *distilled;
};

/* Logits are a parameter, passed on; with two heads there are two. */
static int open_net(struct net *net, const struct vit_loss_options *options, bool two_heads)
{
    const struct vit_attr one = {.scale = 1};
    *net = (struct net){0};
    struct vit_graph *g = &net->graph;
    g->name = "logits";
    g->batch = BATCH;
    net->x = vit_graph_tensor(g, "x", VIT_SPACE_PARAM, 2, (int64_t[]){BATCH, CLASSES});
    g->logits = vit_add_op(g, VIT_OP_scale, "logits", one, net->x);
    if (two_heads) {
        net->distilled = vit_graph_tensor(g, "distilled", VIT_SPACE_PARAM, 2, (int64_t[]){BATCH, CLASSES});
        g->logits_distilled = vit_add_op(g, VIT_OP_scale, "logits_distilled", one, net->distilled);
    }
    int status = vit_graph_add_loss(g, options);
    if (status == VIT_OK)
        status = vit_plan_build(&net->plan, g, (struct vit_plan_options){.threads = 2, .backward = true});
    if (status == VIT_OK)
        status = vit_exec_open(&net->exec, &net->plan);
    if (status != VIT_OK)
        vit_graph_close(g);
    return status;
}

static void close_net(struct net *net)
{
    vit_exec_close(&net->exec);
    vit_plan_close(&net->plan);
    vit_graph_close(&net->graph);
}

static void fill_and_run(struct net *net)
{
    for (int i = 0; i < N; i++) {
        net->x->data[i] = (float)(2 * sin(1.3 * i));
        if (net->distilled)
            net->distilled->data[i] = (float)(2 * sin(1.3 * i));
        if (net->graph.teacher)
            net->graph.teacher->data[i] = (float)(3 * cos(0.7 * i));
        net->graph.targets->data[i] = (vit_real)(i / CLASSES == i % CLASSES ? 0.92 : 0.02);
    }
    vit_exec_run(&net->exec);
}

static const struct {
    struct vit_loss_options options;
    double loss, gradient[N];
} cases[] = {
    {{0},
     1.75175409767,
     {-0.276628826, 0.199683456, 0.0775557162, 0.000924047545, -0.0015343939, 0.0390671798, -0.0875322501, 0.0496390111,
      -0.000986697575, -0.000187243267, 0.0622465864, 0.207350951, -0.26977367, -0.00202874449, 0.00220487686}},
    {{.distillation = VIT_DISTILLATION_SOFT, .alpha = 0.7, .temperature = 3},
     2.21046761407,
     {-0.225744996, 0.088450955, 0.0850333044, 0.0207987169, 0.0314620194, 0.119574923, 0.160343749, 0.0530965327,
      -0.141345387, -0.191669819, -0.132669398, 0.131562242, -0.0342565915, 0.00933916956, 0.0260245779}},
    {{.distillation = VIT_DISTILLATION_SOFT, .alpha = 0.7, .temperature = 3, .mean_over_classes = true},
     0.862514506254,
     {-0.111539917, 0.0656142204, 0.0356200328, 0.0043815148, 0.00592414934, 0.0332911078, 0.0110610098, 0.0225326692,
      -0.0285058847, -0.0383789021, -0.0115946988, 0.0760766765, -0.071596999, 0.00138093523, 0.00573408603}},
    {{.distillation = VIT_DISTILLATION_HARD, .alpha = 0.5},
     2.19645887864,
     {-0.289962159, 0.203016789, 0.0808890495, 0.00425738088, 0.00179893943, 0.0424005132, 0.0658010833, 0.0529723444,
      0.00234663576, -0.163520577, -0.101086747, 0.210684284, -0.116440336, 0.00130458884, 0.00553821019}},
    {{.binary = true},
     0.766388183782,
     {-0.028, 0.0568619936, 0.0478073504, 0.0121151664, 0.00839514009, 0.0390620647, -0.00263394301, 0.042289714,
      0.0093564273, 0.010591872, 0.0452357045, 0.0571994168, -0.0244220487, 0.00766049287, 0.0139840143}},
    {{.binary = true, .distillation = VIT_DISTILLATION_SOFT, .alpha = 0.7, .temperature = 3},
     1.91485783991,
     {-0.151156348, 0.0456045163, 0.0761087947, 0.0241560526, 0.0344408796, 0.119573389, 0.185813241, 0.0508917435,
      -0.138242449, -0.188436084, -0.137772662, 0.0865167816, 0.0393488947, 0.0122459408, 0.0295583191}},
};

/* Losses are of size 1; the listing has 9 digits. */
static const double tolerance = sizeof(vit_real) == sizeof(double) ? 2e-9 : 1e-6;

static void test_losses_agree_with_torch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct net net;
        assert_ok(open_net(&net, &cases[i].options, false));
        fill_and_run(&net);
        assert_close(net.graph.loss->data[0], cases[i].loss, tolerance);
        for (int k = 0; k < N; k++)
            assert_close(net.x->grad->data[k], cases[i].gradient[k], tolerance);
        assert_true((net.graph.teacher != NULL) == (cases[i].options.distillation != VIT_DISTILLATION_NONE));
        close_net(&net);
    }
}

/* Each head learns its own; equal heads have parts of the gradient that one head for both has. */
static void test_two_heads_share_the_loss(void **state)
{
    (void)state;
    static struct net net;
    assert_ok(open_net(&net, &cases[1].options, true));
    fill_and_run(&net);
    assert_close(net.graph.loss->data[0], cases[1].loss, tolerance);
    for (int k = 0; k < N; k++) {
        assert_close(net.x->grad->data[k], 0.3 * cases[0].gradient[k], tolerance);
        assert_close(net.distilled->grad->data[k], cases[1].gradient[k] - 0.3 * cases[0].gradient[k], tolerance);
    }
    close_net(&net);
}

/* Without a teacher the heads' mean learns: each gets half. */
static void test_two_heads_without_a_teacher(void **state)
{
    (void)state;
    static struct net net;
    assert_ok(open_net(&net, &cases[0].options, true));
    fill_and_run(&net);
    assert_close(net.graph.loss->data[0], cases[0].loss, tolerance);
    for (int k = 0; k < N; k++) {
        assert_close(net.x->grad->data[k], cases[0].gradient[k] / 2, tolerance);
        assert_close(net.distilled->grad->data[k], cases[0].gradient[k] / 2, tolerance);
    }
    close_net(&net);
}

static void test_losses_refuse_what_cannot_be(void **state)
{
    (void)state;
    static struct net net;
    const struct vit_loss_options alpha = {.distillation = VIT_DISTILLATION_HARD, .alpha = 1.5};
    const struct vit_loss_options cold = {.distillation = VIT_DISTILLATION_SOFT, .alpha = 0.5};
    assert_fails(open_net(&net, &alpha, false), VIT_EINVAL, "alpha 1.5 must be between 0 and 1");
    assert_fails(open_net(&net, &cold, false), VIT_EINVAL, "temperature 0 must be more than 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_agree_with_torch),
        cmocka_unit_test(test_two_heads_share_the_loss),
        cmocka_unit_test(test_two_heads_without_a_teacher),
        cmocka_unit_test(test_losses_refuse_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
