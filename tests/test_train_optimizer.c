/* SPDX-License-Identifier: MIT */
/* Steps of the optimisers against torch (2.15, float64: three steps with the same gradients), and what a step must
 * leave alone. Trajectories of whole models: `vitscope verify tests/fixtures/adamw_*.json`. */
#include "analysis/instance.h"
#include "model/train/optimizer.h"
#include "tests/support/test.h"
#include "tests/support/two_layers.h"

#include <stdlib.h>

/* Numbers near 1 after three steps of a few operations, printed with nine digits. */
static const double tolerance = sizeof(vit_real) == sizeof(double) ? 1e-8 : 2e-6;

static const struct {
    const char *name;
    struct vit_optimizer_options options;
    double parameters[TWO_LAYERS_NUMBERS];
} cases[] = {
    {"sgd",
     {.momentum = 0.9, .weight_decay = 0.01},
     {-0.5605201,   1.35956746,  -0.191245013, -1.37785562,  1.0377632,   0.523109409, -0.881380144, -0.0966773155,
      0.34951909,   0.549229907, -0.657345014, -0.700861794, 0.533904057, 0.978486572, -1.38098844,  1.13745928,
      -0.302210281, -1.30105746, 1.20997683,   0.467850301,  -1.20822988, 0.69523969,  -1.30505642}},
    {"sgd",
     {.momentum = 0.9, .nesterov = true, .weight_decay = 0.01},
     {-0.803509886, 1.51905608,  -0.163372156, -1.57381885,  1.27343959,  0.403731044, -0.960064154, 0.129379532,
      0.128585048,  0.615335204, -0.52553593,  -0.940098563, 0.400571434, 1.21739558,  -1.56713072,  1.23636922,
      -0.203532725, -1.53007652, 1.41849742,   0.417100903,  -1.35065194, 0.935454849, -1.43733401}},
    {"sgd", {.weight_decay = 0.1}, {-0.29701,     1.16010204,   -0.214640868, -1.14059557, 0.768975999,  0.631224911,
                                    -0.777343045, -0.325301141, 0.566144687,  0.466936832, -0.774586262, -0.437438774,
                                    0.656003249,  0.707977626,  -1.15368938,  1.00589014,  -0.39505809,  -1.0320412,
                                    0.964360832,  0.507250087,  -1.03026531,  0.430966269, -1.13487923}},
    {"adamw",
     {.weight_decay = 0.5, .decay = VIT_DECAY_MATRICES, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
     {-0.285249997, 1.13547863,   0.0661554102, -1.07902036,  0.708890436, 0.399352906, -0.885305062, -0.244725317,
      0.451373846,  0.625405449,  -0.53902816,  -0.412998032, 0.541470962, 0.727379873, -1.2516021,   1.06485886,
      -0.169018249, -0.947798964, 0.910249825,  0.216243388,  -1.03947916, 0.441119999, -1.29992322}},
};

static void test_steps_agree_with_torch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct two_layers net;
        struct vit_optimizer optimizer;
        double got[TWO_LAYERS_NUMBERS];
        two_layers_open(&net, 1);
        two_layers_fill(&net);
        assert_ok(vit_optimizer_open(&optimizer, &net.exec, vit_optimizer_find(cases[i].name), &cases[i].options));
        for (int step = 0; step < 3; step++)
            vit_optimizer_step(&optimizer, 0.1);
        assert_int_equal(optimizer.steps, 3);
        two_layers_read(&net, false, got);
        for (int k = 0; k < TWO_LAYERS_NUMBERS; k++)
            assert_close(got[k], cases[i].parameters[k], tolerance);
        vit_optimizer_close(&optimizer);
        two_layers_close(&net);
    }
}

/* A frozen parameter keeps its bits, decay and moments included; others have rates of their own. */
static void test_rates_by_parameter(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_optimizer optimizer;
    double before[TWO_LAYERS_NUMBERS], after[TWO_LAYERS_NUMBERS];
    const struct vit_optimizer_options options = {.weight_decay = 0};
    two_layers_open(&net, 1);
    two_layers_fill(&net);
    two_layers_read(&net, false, before);
    assert_ok(vit_optimizer_open(&optimizer, &net.exec, vit_optimizer_find("sgd"), &options));
    assert_int_equal(vit_optimizer_scale(&optimizer, "fc.", 0), 2);
    assert_int_equal(vit_optimizer_scale(&optimizer, "head.bias", 10), 1);
    assert_int_equal(vit_optimizer_scale(&optimizer, "tail", 10), 0);
    vit_optimizer_step(&optimizer, 0.01);
    two_layers_read(&net, false, after);
    for (int k = 0; k < 15; k++)
        assert_true(after[k] == before[k]);
    for (int k = 15; k < TWO_LAYERS_NUMBERS; k++) {
        const double gradient = k < 21 ? cos(2.3 * (k - 15) + 2) : cos(2.3 * (k - 21) + 3);
        assert_close(after[k], before[k] - (k < 21 ? 0.01 : 0.1) * gradient, 1e-6);
    }
    vit_optimizer_close(&optimizer);
    two_layers_close(&net);
}

static void take_steps(struct vit_instance *net, int threads, int steps)
{
    struct vit_optimizer optimizer;
    const struct vit_instance_options options = {
        .model = {.batch = 2, .graph = "train"}, .threads = threads, .backward = true, .seed = 1};
    assert_ok(vit_instance_open(net, "efficientvit_nano", &options));
    const struct vit_optimizer_def *def = vit_optimizer_find("adamw");
    assert_ok(vit_optimizer_open(&optimizer, &net->exec, def, &def->defaults));
    for (int i = 0; i < steps; i++) {
        vit_exec_run(&net->exec);
        vit_optimizer_step(&optimizer, 1e-3);
    }
    vit_optimizer_close(&optimizer);
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    static struct vit_instance one, other;
    take_steps(&one, 1, 3);
    for (int threads = 2; threads <= 3; threads++) {
        take_steps(&other, threads, 3);
        for (int i = 0; i < one.graph.n_tensor; i++) {
            const struct vit_tensor *tensor = one.graph.tensor[i];
            if (vit_is_weight(tensor))
                assert_memory_equal(tensor->data, other.graph.tensor[i]->data, vit_nbytes(tensor));
        }
        vit_instance_close(&other);
    }
    vit_instance_close(&one);
}

static void test_pieces_cover_every_element_once(void **state)
{
    (void)state;
    static struct vit_instance net;
    struct vit_tensor_pieces pieces;
    const struct vit_instance_options options = {.model = {.graph = "eager"}, .backward = true, .seed = 1};
    assert_ok(vit_instance_open(&net, "deit_nano", &options));
    assert_ok(vit_tensor_pieces_open(&pieces, &net.graph, vit_is_learned));
    int64_t at = 0;
    int tensor = 0;
    for (int64_t i = 0; i < pieces.n_piece; i++) {
        const struct vit_tensor_piece *p = &pieces.piece[i];
        if (p->tensor != tensor) {
            assert_int_equal(at, vit_numel(pieces.tensor[tensor]));
            assert_int_equal(p->tensor, ++tensor);
            assert_true(pieces.place[tensor] >= pieces.place[tensor - 1] + at);
            assert_int_equal(pieces.place[tensor] * (int64_t)sizeof(vit_real) % 64, 0);
            at = 0;
        }
        assert_int_equal(p->start, at);
        assert_in_range(p->count, 1, VIT_PIECE_ELEMENTS);
        at += p->count;
    }
    assert_int_equal(tensor, pieces.n - 1);
    assert_true(pieces.elements >= pieces.place[tensor] + at);
    vit_tensor_pieces_close(&pieces);
    vit_instance_close(&net);
}

static void test_decay_spares_what_timm_spares(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int ndim;
        bool decays;
    } parameter[] = {
        {"blocks.0.attn.qkv.weight", 2, true},
        {"patch_embed.proj.weight", 4, true},
        {"blocks.0.attn.qkv.bias", 1, false},
        {"norm.weight", 1, false},
        {"cls_token", 3, false},
        {"dist_token", 3, false},
        {"pos_embed", 3, false},
        {"stages.0.blocks.0.mixer.m.attn.attention_biases", 2, false},
        {"layers.0.blocks.1.attn.relative_position_bias_table", 2, false},
    };
    for (size_t i = 0; i < sizeof parameter / sizeof parameter[0]; i++) {
        const struct vit_tensor tensor = {.name = parameter[i].name, .ndim = parameter[i].ndim};
        assert_int_equal(vit_optimizer_decays(&tensor), parameter[i].decays);
    }
}

static void test_optimizer_refuses_what_cannot_be(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_optimizer optimizer;
    two_layers_open(&net, 1);
    const struct vit_optimizer_def *adamw = vit_optimizer_find("adamw"), *sgd = vit_optimizer_find("sgd");
    struct vit_optimizer_options o = adamw->defaults;
    o.beta2 = 1;
    assert_fails(vit_optimizer_open(&optimizer, &net.exec, adamw, &o), VIT_EINVAL, "betas 0.9 and 1");
    o = adamw->defaults;
    o.eps = 0;
    assert_fails(vit_optimizer_open(&optimizer, &net.exec, adamw, &o), VIT_EINVAL, "eps 0");
    o = adamw->defaults;
    o.weight_decay = -1;
    assert_fails(vit_optimizer_open(&optimizer, &net.exec, adamw, &o), VIT_EINVAL, "weight decay -1");
    o = (struct vit_optimizer_options){.nesterov = true};
    assert_fails(vit_optimizer_open(&optimizer, &net.exec, sgd, &o), VIT_EINVAL, "nesterov needs a momentum");
    assert_null(vit_optimizer_find("adam"));
    assert_string_equal(vit_error(), "optimizer \"adam\" is unknown; there are adamw, sgd");
    two_layers_close(&net);
    static struct vit_instance evaluated;
    assert_ok(vit_instance_open(&evaluated, "deit_nano", &(struct vit_instance_options){.seed = 1}));
    assert_fails(vit_optimizer_open(&optimizer, &evaluated.exec, adamw, &adamw->defaults), VIT_EINVAL,
                 "no parameter has a gradient");
    vit_instance_close(&evaluated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_agree_with_torch),        cmocka_unit_test(test_rates_by_parameter),
        cmocka_unit_test(test_threads_change_no_bit),         cmocka_unit_test(test_pieces_cover_every_element_once),
        cmocka_unit_test(test_decay_spares_what_timm_spares), cmocka_unit_test(test_optimizer_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
