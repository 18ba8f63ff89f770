/* SPDX-License-Identifier: MIT */
/* Options of every type: what is taken, what is refused, and with which words. */
#include "analysis/options.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static const char all[] = "batch threads img classes graph image data synthetic weights seed warmup min-time repeat "
                          "probes out format labels top protocol";

#define PARSE(options, takes, ...)                                                                 \
    vit_options_parse((options), (takes), (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), \
                      (char *[]){__VA_ARGS__})

static void test_options_fill_every_type(void **state)
{
    (void)state;
    struct vit_options o = {.threads = 1, .seed = 1};
    assert_ok(PARSE(&o, all, "--batch", "16", "swin_tiny", "--graph", "folded", "--seed", "18446744073709551615",
                    "--warmup", "0.25", "--synthetic", "--top=7", "deit_tiny", "--out=a=b", "--min-time=1e-3"));
    assert_int_equal(o.batch, 16);
    assert_int_equal(o.threads, 1);
    assert_string_equal(o.graph, "folded");
    assert_true(o.seed == UINT64_MAX);
    assert_close(o.warmup_s, 0.25, 0);
    assert_close(o.min_time_s, 1e-3, 0);
    assert_true(o.synthetic);
    assert_false(o.help);
    assert_int_equal(o.top, 7);
    assert_string_equal(o.out, "a=b"); /* up to the first = only */
    assert_int_equal(o.n_argument, 2);
    assert_string_equal(o.argument[0], "swin_tiny");
    assert_string_equal(o.argument[1], "deit_tiny");
}

static void test_options_later_ones_win(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_ok(PARSE(&o, all, "--batch", "2", "--batch=3"));
    assert_int_equal(o.batch, 3);
}

static void test_options_numbers_have_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name, *least, *most, *below, *above;
    } range[] = {
        {"batch", "1", "4096", "0", "4097"},
        {"threads", "1", "1024", "0", "1025"},
        {"img", "1", "4096", "0", "4097"},
        {"classes", "1", "1000000", "0", "1000001"},
        {"repeat", "1", "100000", "0", "100001"},
        {"top", "1", "1000", "0", "1001"},
        {"warmup", "0", "3600", "-0.001", "3600.5"},
        {"min-time", "0", "86400", "-1", "86401"},
        {"seed", "0", "18446744073709551615", "-1", "18446744073709551616"},
    };
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", range[i].name);
        struct vit_options o = {0};
        assert_ok(PARSE(&o, all, option, (char *)(uintptr_t)range[i].least));
        assert_ok(PARSE(&o, all, option, (char *)(uintptr_t)range[i].most));
        assert_fails(PARSE(&o, all, option, (char *)(uintptr_t)range[i].below), VIT_EINVAL, option);
        assert_fails(PARSE(&o, all, option, (char *)(uintptr_t)range[i].above), VIT_EINVAL, "number from ");
    }
    struct vit_options o = {0};
    assert_fails(PARSE(&o, all, "--classes=0"), VIT_EINVAL, "from 1 to 1000000");
}

static void test_options_refuse_what_is_no_number(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     " ",    "x",     "3x", "3 ",  "--3", "nan", "inf",
                                        "-inf", "1e99", "1e400", "0x", "1,5", "½",   "-3",  "- 3"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_options o = {0};
        char *value = (char *)(uintptr_t)wrong[i];
        assert_fails(PARSE(&o, all, "--batch", value), VIT_EINVAL, "--batch");
        assert_fails(PARSE(&o, all, "--warmup", value), VIT_EINVAL, "--warmup");
        assert_fails(PARSE(&o, all, "--seed", value), VIT_EINVAL, "--seed");
        assert_null(strchr(vit_error(), '\n'));
    }
    struct vit_options o = {0};
    assert_fails(PARSE(&o, all, "--batch", "1.5"), VIT_EINVAL, "whole number");
    assert_fails(PARSE(&o, all, "--seed", "1.5"), VIT_EINVAL, "whole number");
    assert_fails(PARSE(&o, all, "--seed", " -1"), VIT_EINVAL, "whole number");
}

static void test_options_refuse_empty_and_endless_texts(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_fails(PARSE(&o, all, "--graph", ""), VIT_EINVAL, "--graph: takes a NAME, not an empty text");
    assert_fails(PARSE(&o, all, "--out="), VIT_EINVAL, "--out");
    static char path[5000];
    memset(path, 'x', sizeof path - 1);
    assert_fails(PARSE(&o, all, "--out", path), VIT_EINVAL, "--out: takes at most 3900 characters");
    path[3900] = '\0';
    assert_ok(PARSE(&o, all, "--out", path));
}

static void test_options_refuse_unknown_and_foreign_ones(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_fails(PARSE(&o, all, "--nope"), VIT_EINVAL, "option --nope");
    assert_fails(PARSE(&o, all, "--nope=3"), VIT_EINVAL, "option --nope is");
    assert_fails(PARSE(&o, "img format", "--batch", "3"), VIT_EINVAL, "it takes --help and: img format");
    assert_fails(PARSE(&o, all, "--batc", "3"), VIT_EINVAL, "option --batc");
    assert_fails(PARSE(&o, all, "--min", "3"), VIT_EINVAL, "option --min");
    assert_fails(PARSE(&o, all, "-x"), VIT_EINVAL, "two dashes");
    assert_fails(PARSE(&o, all, "-batch", "3"), VIT_EINVAL, "two dashes");
    assert_fails(PARSE(&o, all, "--="), VIT_EINVAL, "option --");
    assert_fails(PARSE(&o, "", "--img", "3"), VIT_EINVAL, "it takes --help");
}

static void test_options_refuse_missing_and_needless_values(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_fails(PARSE(&o, all, "m", "--batch"), VIT_EINVAL, "--batch needs a value: --batch N");
    assert_fails(PARSE(&o, all, "--out"), VIT_EINVAL, "--out needs a value: --out DIR");
    assert_fails(PARSE(&o, all, "--synthetic=yes"), VIT_EINVAL, "--synthetic takes no value");
}

static void test_options_end_at_two_dashes(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_ok(PARSE(&o, all, "--batch", "2", "--", "--batch", "-x", "--", "-"));
    assert_int_equal(o.batch, 2);
    assert_int_equal(o.n_argument, 4);
    assert_string_equal(o.argument[0], "--batch");
    assert_string_equal(o.argument[2], "--");
    o = (struct vit_options){0};
    assert_ok(PARSE(&o, all, "-"));
    assert_string_equal(o.argument[0], "-");
}

static void test_options_help_is_always_taken(void **state)
{
    (void)state;
    struct vit_options o = {0};
    assert_ok(PARSE(&o, "", "--help"));
    assert_true(o.help);
    o = (struct vit_options){0};
    assert_ok(PARSE(&o, "", "-h"));
    assert_true(o.help);
}

static void test_options_have_room_for_256_arguments(void **state)
{
    (void)state;
    char name[] = "m", *argument[VIT_MAX_ARGUMENTS + 1];
    for (int i = 0; i <= VIT_MAX_ARGUMENTS; i++)
        argument[i] = name;
    struct vit_options o = {0};
    assert_ok(vit_options_parse(&o, all, VIT_MAX_ARGUMENTS, argument));
    assert_int_equal(o.n_argument, VIT_MAX_ARGUMENTS);
    o = (struct vit_options){0};
    assert_fails(vit_options_parse(&o, all, VIT_MAX_ARGUMENTS + 1, argument), VIT_EINVAL, "more than 256 arguments");
}

static void test_options_help_lines_name_those_taken(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    vit_options_print(file, "img seed");
    fclose(file);
    assert_non_null(strstr(text, "--img N"));
    assert_non_null(strstr(text, "--seed N"));
    assert_non_null(strstr(text, "--help"));
    assert_null(strstr(text, "--batch"));
    free(text);
}

/* What the command line set wins over defaults, the first default over later ones; texts read back as the same value.
 */
static void test_options_take_defaults_that_read_back(void **state)
{
    (void)state;
    static const char *const option[][2] = {{"lr", "1e-3/512"},
                                            {"weight-decay", "0.025"},
                                            {"batch", "128"},
                                            {"seed", "18446744073709551615"},
                                            {"strict", "yes"}};
    struct vit_options o = {0}, again = {0};
    char text[VIT_OPTION_TEXT];
    assert_ok(PARSE(&o, "epochs", "--epochs", "7"));
    assert_ok(vit_options_default(&o, "epochs", "9"));
    assert_int_equal(o.epochs, 7);
    vit_options_text(text, &o, "lr");
    assert_string_equal(text, "");
    for (size_t i = 0; i < sizeof option / sizeof option[0]; i++) {
        assert_ok(vit_options_default(&o, option[i][0], option[i][1]));
        assert_ok(vit_options_default(&o, option[i][0], "5"));
        vit_options_text(text, &o, option[i][0]);
        assert_string_equal(text, option[i][1]);
        assert_ok(vit_options_default(&again, option[i][0], text));
    }
    assert_true(o.strict && again.strict);
    assert_true(o.seed == again.seed && o.batch == again.batch && o.weight_decay == again.weight_decay);
    assert_fails(vit_options_default(&again, "epochs", "none"), VIT_EINVAL, "--epochs none: takes a whole number");
    assert_fails(vit_options_default(&again, "nope", "1"), VIT_EINVAL, "there is no option --nope");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_fill_every_type),
        cmocka_unit_test(test_options_later_ones_win),
        cmocka_unit_test(test_options_numbers_have_ranges),
        cmocka_unit_test(test_options_refuse_what_is_no_number),
        cmocka_unit_test(test_options_refuse_empty_and_endless_texts),
        cmocka_unit_test(test_options_refuse_unknown_and_foreign_ones),
        cmocka_unit_test(test_options_refuse_missing_and_needless_values),
        cmocka_unit_test(test_options_end_at_two_dashes),
        cmocka_unit_test(test_options_help_is_always_taken),
        cmocka_unit_test(test_options_have_room_for_256_arguments),
        cmocka_unit_test(test_options_help_lines_name_those_taken),
        cmocka_unit_test(test_options_take_defaults_that_read_back),
    };
    return cmocka_run_group_tests_name("analysis_options", tests, NULL, NULL);
}
