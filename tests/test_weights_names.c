/* SPDX-License-Identifier: MIT */
/* test_weights_names.c - names of published files and their names here. */
#include "tests/support/test.h"

#include "model/weights/names.h"

/* The name here of one tensor of a file that also has a tensor called `marker`. */
static const char *mapped(const char *marker, const char *name)
{
    static char result[VIT_NAME_TEXT];
    const char *const names[] = {name, marker};
    const struct vit_naming *naming = vit_naming_detect(names, 2);
    assert_true(vit_naming_apply(naming, vit_name_unwrapped(name), result));
    return result;
}

static void test_names_of_the_efficientvit_release(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"patch_embed.0.c.weight", "patch_embed.conv1.conv.weight"},
        {"patch_embed.6.bn.running_var", "patch_embed.conv4.bn.running_var"},
        {"blocks1.0.dw0.m.c.weight", "stages.0.blocks.0.dw0.m.conv.weight"},
        {"blocks1.12.ffn1.m.pw2.bn.bias", "stages.0.blocks.12.ffn1.m.pw2.bn.bias"},
        {"blocks2.0.0.m.c.weight", "stages.1.downsample.res1.0.m.conv.weight"},
        {"blocks2.1.conv2.c.weight", "stages.1.downsample.patchmerge.conv2.conv.weight"},
        {"blocks2.1.se.fc1.weight", "stages.1.downsample.patchmerge.se.fc1.weight"},
        {"blocks2.2.1.m.pw1.bn.weight", "stages.1.downsample.res2.1.m.pw1.bn.weight"},
        {"blocks2.3.mixer.m.attn.qkvs.0.c.weight", "stages.1.blocks.0.mixer.m.attn.qkvs.0.conv.weight"},
        {"blocks3.14.mixer.m.attn.proj.1.c.weight", "stages.2.blocks.11.mixer.m.attn.proj.1.conv.weight"},
        {"blocks3.5.mixer.m.attn.attention_biases", "stages.2.blocks.2.mixer.m.attn.attention_biases"},
        {"blocks3.2.0.m.bn.weight", "stages.2.downsample.res2.0.m.bn.weight"},
        {"head.bn.weight", "head.bn.weight"},
        {"head.l.bias", "head.linear.bias"},
        {"module.model.blocks1.0.dw0.m.c.weight", "stages.0.blocks.0.dw0.m.conv.weight"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(mapped("blocks1.0.dw0.m.c.weight", pairs[i][0]), pairs[i][1]);
}

static void test_names_of_older_swin_files(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"layers.0.downsample.reduction.weight", "layers.1.downsample.reduction.weight"},
        {"layers.2.downsample.norm.bias", "layers.3.downsample.norm.bias"},
        {"layers.0.blocks.1.attn.qkv.weight", "layers.0.blocks.1.attn.qkv.weight"},
        {"head.weight", "head.fc.weight"},
        {"head.fc.bias", "head.fc.bias"},
        {"norm.weight", "norm.weight"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_string_equal(mapped("layers.0.downsample.norm.weight", pairs[i][0]), pairs[i][1]);
        assert_string_equal(mapped("model.layers.0.downsample.norm.weight", pairs[i][0]), pairs[i][1]);
    }
}

static void test_names_of_timm_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"layers.1.downsample.reduction.weight",
                                        "head.fc.weight",
                                        "cls_token",
                                        "blocks.0.attn.qkv.weight",
                                        "head_dist.weight",
                                        "head.weight",
                                        "stages.0.blocks.0.dw0.m.conv.weight",
                                        "head.linear.weight"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char wrapped[VIT_NAME_TEXT] = "module.model.";
        assert_string_equal(mapped("layers.1.downsample.norm.weight", names[i]), names[i]);
        strcat(wrapped, names[i]);
        assert_string_equal(mapped("layers.3.downsample.norm.weight", wrapped), names[i]);
    }
}

static void test_names_scheme_holds_for_the_whole_file(void **state)
{
    (void)state;
    const char *const timm[] = {"stages.0.blocks.0.dw0.m.conv.weight"}, *const swin[] = {"model.layers.0.downsample.x"};
    const char *const release[] = {"head.bn.weight", "module.blocks1.0.dw0.m.c.weight"};
    assert_string_equal(vit_naming_detect(timm, 1)->title, "timm");
    assert_string_equal(vit_naming_detect(swin, 1)->title, "older Swin");
    assert_string_equal(vit_naming_detect(release, 2)->title, "original EfficientViT release");
    assert_string_equal(vit_naming_detect(NULL, 0)->title, "timm");
}

static void test_names_odd_numbers_do_not_fit_a_rule(void **state)
{
    (void)state;
    assert_string_equal(mapped("blocks1.0", "blocks2.99999999999999999999.x"), "blocks2.99999999999999999999.x");
    assert_string_equal(mapped("blocks1.0", "blocks2.-4.x"), "blocks2.-4.x");
    assert_string_equal(mapped("blocks1.0", "blocks2."), "blocks2.");
}

static void test_names_too_long_are_refused(void **state)
{
    (void)state;
    char name[400], result[VIT_NAME_TEXT];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(vit_naming_apply(vit_naming_detect(NULL, 0), name, result));
    name[VIT_NAME_TEXT - 1] = '\0';
    assert_true(vit_naming_apply(vit_naming_detect(NULL, 0), name, result));
    assert_string_equal(result, name);
}

static void test_names_of_index_tables_and_counters_are_ignored(void **state)
{
    (void)state;
    assert_true(vit_name_ignored("patch_embed.conv1.bn.num_batches_tracked"));
    assert_true(vit_name_ignored("blocks1.0.mixer.m.attn.attention_bias_idxs"));
    assert_true(vit_name_ignored("layers.0.blocks.0.attn.relative_position_index"));
    assert_true(vit_name_ignored("layers.0.blocks.1.attn_mask"));
    assert_true(vit_name_ignored("ema.head.weight"));
    assert_true(vit_name_ignored("optimizer.m.head.weight"));
    assert_false(vit_name_ignored("layers.0.blocks.0.attn.relative_position_bias_table"));
    assert_false(vit_name_ignored("head.weight"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_the_efficientvit_release),
        cmocka_unit_test(test_names_of_older_swin_files),
        cmocka_unit_test(test_names_of_timm_stay),
        cmocka_unit_test(test_names_scheme_holds_for_the_whole_file),
        cmocka_unit_test(test_names_odd_numbers_do_not_fit_a_rule),
        cmocka_unit_test(test_names_too_long_are_refused),
        cmocka_unit_test(test_names_of_index_tables_and_counters_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
