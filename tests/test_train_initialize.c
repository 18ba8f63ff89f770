/* SPDX-License-Identifier: MIT */
/* First weights: what timm's modules draw (names and moments), and what decides them. */
#include "analysis/instance.h"
#include "model/train/initialize.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void open_model(struct vit_instance *net, const char *model, uint64_t seed)
{
    const struct vit_instance_options options = {.model = {.batch = 2, .graph = "train"}};
    assert_ok(vit_instance_open(net, model, &options));
    assert_ok(vit_weights_initialize(&net->graph, net->model->family, seed));
}

static const struct vit_tensor *find(const struct vit_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_tensor; i++)
        if (vit_is_weight(graph->tensor[i]) && strcmp(graph->tensor[i]->name, name) == 0)
            return graph->tensor[i];
    fail_msg("no weight %s", name);
    return NULL;
}

enum law { CONSTANT, NORMAL, UNIFORM };

/* `value`: the constant, the standard deviation, or the bound. */
static const struct {
    const char *model, *name;
    enum law law;
    double value;
} expected[] = {
    {"efficientvit_m0", "patch_embed.conv1.conv.weight", UNIFORM, 0.19245008972987526}, /* 1 / sqrt(3 * 9) */
    {"efficientvit_m0", "patch_embed.conv1.bn.weight", CONSTANT, 1},
    {"efficientvit_m0", "patch_embed.conv1.bn.bias", CONSTANT, 0},
    {"efficientvit_m0", "patch_embed.conv1.bn.running_mean", CONSTANT, 0},
    {"efficientvit_m0", "patch_embed.conv1.bn.running_var", CONSTANT, 1},
    {"efficientvit_m0", "stages.0.blocks.0.dw0.m.conv.weight", UNIFORM, 1.0 / 3},
    {"efficientvit_m0", "stages.0.blocks.0.dw0.m.bn.weight", CONSTANT, 0},
    {"efficientvit_m0", "stages.0.blocks.0.ffn0.m.pw1.bn.weight", CONSTANT, 1},
    {"efficientvit_m0", "stages.0.blocks.0.ffn0.m.pw2.bn.weight", CONSTANT, 0},
    {"efficientvit_m0", "stages.0.blocks.0.mixer.m.attn.attention_biases", CONSTANT, 0},
    {"efficientvit_m0", "stages.0.blocks.0.mixer.m.attn.qkvs.1.conv.weight", UNIFORM, 0.25},
    {"efficientvit_m0", "stages.0.blocks.0.mixer.m.attn.qkvs.1.bn.weight", CONSTANT, 1},
    {"efficientvit_m0", "stages.0.blocks.0.mixer.m.attn.proj.1.bn.weight", CONSTANT, 0},
    {"efficientvit_m0", "stages.1.downsample.res1.0.m.bn.weight", CONSTANT, 1},
    {"efficientvit_m0", "stages.1.downsample.res1.1.m.pw2.bn.weight", CONSTANT, 0},
    {"efficientvit_m0", "stages.1.downsample.patchmerge.se.fc1.weight", UNIFORM, 0.0625},
    {"efficientvit_m0", "stages.1.downsample.patchmerge.se.fc1.bias", UNIFORM, 0.0625},
    {"efficientvit_m0", "head.bn.weight", CONSTANT, 1},
    {"efficientvit_m0", "head.linear.weight", NORMAL, 0.02},
    {"efficientvit_m0", "head.linear.bias", CONSTANT, 0},
    {"deit_tiny_distilled", "cls_token", NORMAL, 1e-6},
    {"deit_tiny_distilled", "dist_token", NORMAL, 0.02},
    {"deit_tiny_distilled", "pos_embed", NORMAL, 0.02},
    {"deit_tiny_distilled", "patch_embed.proj.weight", UNIFORM, 0.036084391824351615}, /* 1 / sqrt(3 * 256) */
    {"deit_tiny_distilled", "patch_embed.proj.bias", UNIFORM, 0.036084391824351615},
    {"deit_tiny_distilled", "blocks.3.norm1.weight", CONSTANT, 1},
    {"deit_tiny_distilled", "blocks.3.norm1.bias", CONSTANT, 0},
    {"deit_tiny_distilled", "blocks.3.attn.qkv.weight", NORMAL, 0.02},
    {"deit_tiny_distilled", "blocks.3.attn.qkv.bias", CONSTANT, 0},
    {"deit_tiny_distilled", "norm.weight", CONSTANT, 1},
    {"deit_tiny_distilled", "head_dist.weight", NORMAL, 0.02},
    {"swin_nano", "patch_embed.proj.weight", UNIFORM, 0.14433756729740646}, /* 1 / sqrt(3 * 16) */
    {"swin_nano", "patch_embed.norm.weight", CONSTANT, 1},
    {"swin_nano", "layers.0.blocks.1.attn.relative_position_bias_table", NORMAL, 0.02},
    {"swin_nano", "layers.1.downsample.norm.weight", CONSTANT, 1},
    {"swin_nano", "layers.1.downsample.reduction.weight", NORMAL, 0.02},
    {"swin_nano", "layers.1.blocks.1.mlp.fc1.bias", CONSTANT, 0},
    {"swin_nano", "head.fc.weight", NORMAL, 0.02},
};

/* Five standard errors of the mean and of the standard deviation. */
static void check_law(const struct vit_tensor *t, enum law law, double value)
{
    const double n = (double)vit_numel(t);
    double sum = 0, squares = 0, most = 0;
    for (int64_t i = 0; i < vit_numel(t); i++) {
        const double x = (double)t->data[i];
        sum += x;
        squares += x * x;
        most = fmax(most, fabs(x));
        if (law == CONSTANT)
            assert_close(x, value, 0);
    }
    if (law == CONSTANT)
        return;
    const double deviation = law == UNIFORM ? value / sqrt(3) : value, kurtosis = law == UNIFORM ? 1.8 : 3;
    assert_close(sum / n, 0, 5 * deviation / sqrt(n));
    assert_close(squares / n, deviation * deviation, 5 * deviation * deviation * sqrt((kurtosis - 1) / n));
    if (law == UNIFORM)
        assert_true(most <= value * (1 + 1e-6)); /* float32 rounds */
    if (law == UNIFORM && n > 200)
        assert_true(most > 0.9 * value);
    if (law == NORMAL && n > 2000)
        assert_true(most > 2.5 * value);
}

static void test_weights_begin_as_in_timm(void **state)
{
    (void)state;
    static struct vit_instance net;
    const char *model = NULL;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (!model || strcmp(model, expected[i].model) != 0) {
            if (model)
                vit_instance_close(&net);
            model = expected[i].model;
            open_model(&net, model, 7);
        }
        check_law(find(&net.graph, expected[i].name), expected[i].law, expected[i].value);
    }
    vit_instance_close(&net);
}

static void test_seed_and_name_decide(void **state)
{
    (void)state;
    static struct vit_instance one, again, other;
    open_model(&one, "deit_nano", 1);
    open_model(&again, "deit_nano", 1);
    open_model(&other, "deit_nano", 2);
    for (int i = 0; i < one.graph.n_tensor; i++)
        if (vit_is_weight(one.graph.tensor[i]))
            assert_memory_equal(one.graph.tensor[i]->data, again.graph.tensor[i]->data,
                                vit_nbytes(one.graph.tensor[i]));
    const struct vit_tensor *a = find(&one.graph, "blocks.0.attn.proj.weight");
    assert_memory_not_equal(a->data, find(&other.graph, a->name)->data, vit_nbytes(a));
    assert_memory_not_equal(a->data, find(&one.graph, "blocks.1.attn.proj.weight")->data, vit_nbytes(a));
    vit_instance_close(&one);
    vit_instance_close(&again);
    vit_instance_close(&other);
}

static void test_every_family_says_how_it_begins(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_models; i++) {
        static struct vit_instance net;
        if (!strstr(vit_models[i].name, "_nano")) /* rows go by name: the small one of each family has them all */
            continue;
        open_model(&net, vit_models[i].name, 1);
        vit_instance_close(&net);
    }
}

/* Rows that only a family of its own has: normal by fan out, and names that no row fits. */
static void test_rows_of_a_family(void **state)
{
    (void)state;
    static struct vit_instance net;
    const struct vit_initial rows[] = {{"*.conv.weight", VIT_INITIAL_FAN_OUT, 0}, {"*", VIT_INITIAL_CONSTANT, 3}, {0}};
    const struct vit_initial few[] = {{"*.weight", VIT_INITIAL_CONSTANT, 1}, {0}};
    struct vit_model_family family = {.name = "own", .initial = rows};
    open_model(&net, "efficientvit_m0", 1);
    assert_ok(vit_weights_initialize(&net.graph, &family, 1));
    /* (64, 32, 3, 3): sqrt(2 / (64 * 9)) */
    check_law(find(&net.graph, "patch_embed.conv4.conv.weight"), NORMAL, 0.058925565098878960);
    check_law(find(&net.graph, "head.linear.bias"), CONSTANT, 3);
    check_law(find(&net.graph, "head.bn.running_var"), CONSTANT, 1);
    family.initial = few;
    assert_fails(vit_weights_initialize(&net.graph, &family, 1), VIT_EINVAL,
                 "patch_embed.conv1.bn.bias: family own does not say how this parameter begins");
    vit_instance_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_begin_as_in_timm),
        cmocka_unit_test(test_seed_and_name_decide),
        cmocka_unit_test(test_every_family_says_how_it_begins),
        cmocka_unit_test(test_rows_of_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
