/* SPDX-License-Identifier: MIT */
/* test_weights_generate.c - the generator against published keys and values (nine digits identify a float32). */
#include "tests/support/test.h"

#include <stdlib.h>

#include "model/weights/generate.h"

static const struct {
    const char *name;
    int ndim;
    int64_t dim[4];
    uint64_t seed, key;
    double value[4];
} cases[] = {
    {"head.linear.weight",
     2,
     {1000, 192},
     1,
     0x109a607686c1886c,
     {0.0616794825, -0.0522567146, -0.0994012728, -0.0785510838}},
    {"stages.0.blocks.0.mixer.m.attn.attention_biases",
     2,
     {4, 49},
     1,
     0xbd97ae49ade746b3,
     {0.313721061, 0.281471968, 0.042546805, -0.493197948}},
    {"patch_embed.conv1.bn.running_var",
     1,
     {8},
     1,
     0x98c65b563998d7f1,
     {0.880410612, 0.991801977, 0.801891685, 0.808107793}},
    {"blocks.0.attn.qkv.weight",
     2,
     {576, 192},
     2,
     0xb8eed840ed199670,
     {-0.114099525, 0.0382516496, -0.169022873, -0.0143957278}},
    {"stages.1.blocks.0.mixer.m.attn.qkvs.0.conv.weight",
     4,
     {64, 32, 1, 1},
     2,
     0x3986481e8f6c11ab,
     {-0.193266124, -0.203186169, -0.134742409, -0.0125232413}},
    {"norm.weight", 1, {192}, 3, 0xe45e883176c5ce0f, {1.08161521, 0.945472062, 1.08712769, 1.04019248}},
};

static void test_generate_gives_the_published_keys_and_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vit_tensor tensor = {.name = cases[i].name, .ndim = cases[i].ndim};
        memcpy(tensor.dim, cases[i].dim, sizeof cases[i].dim);
        assert_true(vit_generate_key(tensor.name) == cases[i].key);
        vit_real *values = malloc(vit_nbytes(&tensor));
        assert_non_null(values);
        vit_generate_tensor(&tensor, cases[i].seed, values);
        for (int k = 0; k < 4; k++)
            assert_true(values[k] == (vit_real)(float)cases[i].value[k]);
        free(values);
    }
}

static void test_generate_input_gives_the_published_values(void **state)
{
    (void)state;
    static const double want[] = {0.0380809717, 0.71263051, 0.0357645303, -0.584881842};
    vit_real values[8], longer[16];
    vit_generate_input(1, 8, values);
    vit_generate_input(1, 16, longer);
    assert_true(vit_generate_key("input") == 0x1ebbae8f5810b65b);
    for (int i = 0; i < 4; i++)
        assert_true(values[i] == (vit_real)(float)want[i]);
    assert_memory_equal(values, longer, sizeof values); /* a larger batch begins with the smaller one */
}

static void test_generate_counters_are_zero(void **state)
{
    (void)state;
    struct vit_tensor tensor = {.name = "bn.num_batches_tracked"};
    vit_real value = 5;
    vit_generate_tensor(&tensor, 1, &value);
    assert_true(value == 0);
}

static void test_generate_another_seed_gives_other_values(void **state)
{
    (void)state;
    vit_real a[4], b[4];
    vit_generate_input(1, 4, a);
    vit_generate_input(2, 4, b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_gives_the_published_keys_and_values),
        cmocka_unit_test(test_generate_input_gives_the_published_values),
        cmocka_unit_test(test_generate_counters_are_zero),
        cmocka_unit_test(test_generate_another_seed_gives_other_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
