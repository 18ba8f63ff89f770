/* SPDX-License-Identifier: MIT */
/* Clipping against torch and timm (float64, printed with nine digits), norms against plain sums. */
#include "analysis/instance.h"
#include "model/train/clip.h"
#include "tests/support/test.h"
#include "tests/support/two_layers.h"

static const double tolerance = sizeof(vit_real) == sizeof(double) ? 1e-8 : 1e-6;

static const struct {
    struct vit_clip_options options;
    bool zero_row; /* of fc.weight: its norm is taken as 1e-3 */
    double gradients[TWO_LAYERS_NUMBERS];
} cases[] = {
    /* timm.utils.agc.adaptive_clip_grad on all but the last two parameters */
    {{VIT_CLIP_AGC, 0.3}, false, {0.284315337,  -0.189432496, -0.0318866827, 0.231923153,   -0.264286274, 0.131026981,
                                  0.089686004,  -0.250538256, 0.25047125,    -0.0767613403, -0.14818277,  0.274222584,
                                  0.158925094,  -0.290458357, 0.228125779,   -0.416146845,  -0.400799185, 0.950232565,
                                  -0.865435183, 0.203004867,  0.594920635,   -0.989992499,  0.554374337}},
    {{VIT_CLIP_AGC, 0.3}, true, {0.284315337,    -0.189432496,   -0.0318866827,   0.231923153,  -0.000199573752,
                                 9.89440192e-05, 6.77256977e-05, -0.000189192041, 0.25047125,   -0.0767613403,
                                 -0.14818277,    0.274222584,    0.158925094,     -0.290458357, 0.228125779,
                                 -0.416146845,   -0.400799185,   0.950232565,     -0.865435183, 0.203004867,
                                 0.594920635,    -0.989992499,   0.554374337}},
    /* torch.nn.utils.clip_grad_norm_ */
    {{VIT_CLIP_NORM, 1.5}, false, {0.433923915,  -0.289113107, -0.0486656624, 0.353962624,  -0.423007961, 0.209717497,
                                   0.143548483,  -0.401003333, 0.390809317,   -0.11977042,  -0.231208999, 0.42786843,
                                   0.234450079,  -0.428491077, 0.336536575,   -0.180576068, -0.173916351, 0.412328635,
                                   -0.375533023, 0.0880886666, 0.258150291,   -0.429581421, 0.240556283}},
};

static void test_clipping_agrees_with_torch_and_timm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct two_layers net;
        struct vit_clip clip;
        double got[TWO_LAYERS_NUMBERS];
        two_layers_open(&net, 1);
        two_layers_fill(&net);
        for (int k = 4; cases[i].zero_row && k < 8; k++)
            two_layers_parameter(&net, 0)->data[k] = 0;
        assert_ok(vit_clip_open(&clip, &net.exec, cases[i].options));
        assert_close(vit_clip_apply(&clip), 3.4568262186831085, tolerance);
        two_layers_read(&net, true, got);
        for (int k = 0; k < TWO_LAYERS_NUMBERS; k++)
            assert_close(got[k], cases[i].gradients[k], tolerance);
        vit_clip_close(&clip);
        two_layers_close(&net);
    }
}

static void test_clipping_leaves_what_is_within(void **state)
{
    (void)state;
    static const struct vit_clip_options options[] = {
        {VIT_CLIP_NONE, 0}, {VIT_CLIP_NORM, 3.5}, {VIT_CLIP_VALUE, 1.1}, {VIT_CLIP_AGC, 1e4}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        static struct two_layers net;
        struct vit_clip clip;
        double before[TWO_LAYERS_NUMBERS], after[TWO_LAYERS_NUMBERS];
        two_layers_open(&net, 1);
        two_layers_fill(&net);
        two_layers_read(&net, true, before);
        assert_ok(vit_clip_open(&clip, &net.exec, options[i]));
        vit_clip_apply(&clip);
        two_layers_read(&net, true, after);
        assert_memory_equal(before, after, sizeof before);
        vit_clip_close(&clip);
        two_layers_close(&net);
    }
}

static void test_clipping_by_value(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_clip clip;
    double before[TWO_LAYERS_NUMBERS], after[TWO_LAYERS_NUMBERS];
    two_layers_open(&net, 1);
    two_layers_fill(&net);
    two_layers_read(&net, true, before);
    assert_ok(vit_clip_open(&clip, &net.exec, (struct vit_clip_options){VIT_CLIP_VALUE, 0.25}));
    vit_clip_apply(&clip);
    two_layers_read(&net, true, after);
    for (int k = 0; k < TWO_LAYERS_NUMBERS; k++)
        assert_close(after[k], fmax(fmin(before[k], 0.25), -0.25), 0);
    vit_clip_close(&clip);
    two_layers_close(&net);
}

static void test_clipping_names_what_is_not_finite(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_clip clip;
    double before[TWO_LAYERS_NUMBERS], after[TWO_LAYERS_NUMBERS];
    two_layers_open(&net, 1);
    two_layers_fill(&net);
    assert_ok(vit_clip_open(&clip, &net.exec, (struct vit_clip_options){VIT_CLIP_NORM, 1e-3}));
    two_layers_parameter(&net, 2)->grad->data[5] = (vit_real)NAN;
    two_layers_parameter(&net, 3)->grad->data[0] = (vit_real)INFINITY;
    two_layers_read(&net, true, before);
    assert_true(vit_clip_apply(&clip) * 0 != 0); /* not finite */
    two_layers_read(&net, true, after);
    assert_memory_equal(before, after, sizeof before);
    assert_non_null(vit_clip_not_finite(&clip));
    assert_string_equal(vit_clip_not_finite(&clip)->name, "head.weight");
    two_layers_fill(&net);
    assert_true(vit_clip_apply(&clip) < 4);
    assert_null(vit_clip_not_finite(&clip));
    vit_clip_close(&clip);
    two_layers_close(&net);
}

/* On a model whose weights take several pieces: the norm against a plain sum, and bits for any number of threads. */
static double clipped_norm(struct vit_instance *net, int threads, struct vit_clip_options options)
{
    struct vit_clip clip;
    const struct vit_instance_options o = {
        .model = {.batch = 2, .graph = "train"}, .threads = threads, .backward = true, .seed = 1};
    assert_ok(vit_instance_open(net, "efficientvit_nano", &o));
    vit_exec_run(&net->exec);
    assert_ok(vit_clip_open(&clip, &net->exec, options));
    double sum = 0;
    for (int i = 0; i < clip.gradients.n; i++)
        for (int64_t k = 0; k < vit_numel(clip.gradients.tensor[i]); k++)
            sum += pow((double)clip.gradients.tensor[i]->grad->data[k], 2);
    const double norm = vit_clip_apply(&clip);
    assert_close(norm, sqrt(sum), 1e-6 * norm); /* blocks of squares are summed in float first */
    vit_clip_close(&clip);
    return norm;
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    static const struct vit_clip_options options[] = {{VIT_CLIP_NORM, 0.1}, {VIT_CLIP_AGC, 0.01}};
    static struct vit_instance one, other;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const double norm = clipped_norm(&one, 1, options[i]);
        for (int threads = 2; threads <= 3; threads++) {
            assert_true(clipped_norm(&other, threads, options[i]) == norm);
            for (int k = 0; k < one.graph.n_tensor; k++) {
                const struct vit_tensor *tensor = one.graph.tensor[k];
                if (vit_is_learned(tensor))
                    assert_memory_equal(tensor->grad->data, other.graph.tensor[k]->grad->data, vit_nbytes(tensor));
            }
            vit_instance_close(&other);
        }
        vit_instance_close(&one);
    }
}

static void test_clipping_refuses_what_cannot_be(void **state)
{
    (void)state;
    static struct two_layers net;
    struct vit_clip clip;
    enum vit_clip_mode mode;
    two_layers_open(&net, 1);
    assert_fails(vit_clip_open(&clip, &net.exec, (struct vit_clip_options){VIT_CLIP_AGC, 0}), VIT_EINVAL,
                 "clipping by agc: the limit 0");
    assert_ok(vit_clip_mode_find("agc", &mode));
    assert_int_equal(mode, VIT_CLIP_AGC);
    assert_fails(vit_clip_mode_find("length", &mode), VIT_EINVAL,
                 "clipping \"length\" is unknown; there are none, norm, value, agc");
    two_layers_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clipping_agrees_with_torch_and_timm),
        cmocka_unit_test(test_clipping_leaves_what_is_within),
        cmocka_unit_test(test_clipping_by_value),
        cmocka_unit_test(test_clipping_names_what_is_not_finite),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_clipping_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
