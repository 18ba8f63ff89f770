/* SPDX-License-Identifier: MIT */
/* Reference numbers: tallies, unusable files, and fixtures with one changed number, which must never pass. */
#include "analysis/verification.h"
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[128];

static int make_path(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.90s/vitscope-fixture-XXXXXX", tmp ? tmp : "/tmp");
    int file = mkstemp(path);
    if (file < 0)
        return -1;
    close(file);
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    return remove(path);
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct vit_tally tally(double tolerance)
{
    return (struct vit_tally){.kind = "test", .tolerance = tolerance};
}

static void compare(struct vit_tally *t, double got, double want, double scale, int digits)
{
    vit_tally_compare(t, (struct vit_expected){got, want, scale, digits}, "item %d", t->compared);
}

static void test_tally_counts_and_keeps_the_worst(void **state)
{
    (void)state;
    struct vit_tally t = tally(0.1);
    compare(&t, 1, 1, 1, 15);
    compare(&t, 1.5, 1, 10, 15); /* 0.05 of the scale */
    compare(&t, 3, 1, 10, 15);
    compare(&t, 1.1, 1, 10, 15);
    assert_int_equal(t.compared, 4);
    assert_int_equal(t.outside, 1);
    assert_close(t.worst, 0.2, 1e-9);
    assert_string_equal(t.where, "item 2");
}

static void test_tally_takes_no_infinity_and_no_nan(void **state)
{
    (void)state;
    const double nan = (double)NAN, inf = (double)INFINITY;
    const double wrong[][3] = {{nan, 1, 1},   {1, nan, 1},    {nan, nan, 1}, {inf, 1, 1},  {1, inf, 1},
                               {inf, inf, 1}, {-inf, inf, 1}, {1, 2, inf},   {1, -inf, 1}, {inf, 1, inf}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vit_tally t = tally(1e300);
        compare(&t, wrong[i][0], wrong[i][1], wrong[i][2], 12);
        assert_int_equal(t.outside, 1);
    }
}

/* A NaN stays the worst, whatever comes before and after. */
static void test_tally_shows_a_nan(void **state)
{
    (void)state;
    struct vit_tally t = tally(1);
    compare(&t, 5, 1, 1, 15);
    compare(&t, (double)NAN, 1, 1, 15);
    compare(&t, 9, 1, 1, 15);
    assert_int_equal(t.outside, 3);
    assert_true(isnan(t.worst));
    assert_string_equal(t.where, "item 1");
}

/* 1.00 to three digits stands for 0.995 to 1.005. */
static void test_tally_allows_for_the_digits_listed(void **state)
{
    (void)state;
    struct vit_tally t = tally(0);
    compare(&t, 1.0049, 1.00, 1, 3);
    compare(&t, 0.9951, 1.00, 1, 3);
    compare(&t, -100.49, -100, 1, 3);
    compare(&t, 0, 0, 1, 3);
    assert_int_equal(t.outside, 0);
    compare(&t, 1.0051, 1.00, 1, 3);
    compare(&t, 1.0049, 1.00, 1, 4);
    compare(&t, 1e-30, 0, 1, 3);
    assert_int_equal(t.outside, 3);
}

static void test_tally_equal_is_exact(void **state)
{
    (void)state;
    struct vit_tally t = tally(0);
    vit_tally_equal(&t, 3, 3, "same");
    assert_int_equal(t.outside, 0);
    vit_tally_equal(&t, 4, 3, "differs");
    vit_tally_equal(&t, INT64_MAX, INT64_MIN, "far");
    assert_int_equal(t.outside, 2);
    assert_string_equal(t.where, "far");
}

static void test_tally_record_compares_what_is_listed(void **state)
{
    (void)state;
    const vit_real value[] = {1, 2, 3, 4};
    struct vit_values v = {.name = "x", .value = value, .n = 4};
    static const struct {
        const char *json;
        int compared, outside;
    } record[] = {
        {"{\"mean\":2.5,\"std\":1.11803398875,\"l2\":5.47722557505,\"sum\":10,\"max_abs\":4}", 5, 0},
        {"{\"v0\":1,\"vlast\":4}", 2, 0},
        {"{\"first8\":[1,2,3,4]}", 4, 0},
        {"{\"strided4\":[1,2,3,4]}", 4, 0},
        {"{\"strided4\":[2,4]}", 2, 0}, /* at (2j + 1) n / (2 count): 1 and 3 */
        {"{\"mean\":2.6}", 1, 1},
        {"{\"first8\":[1,2,3,4,5]}", 5, 1}, /* more than there are */
        {"{\"first8\":[1,\"2\",null,4]}", 4, 2},
        {"{\"mean\":\"2.5\"}", 1, 1},
        {"{\"mean\":1e999}", 1, 1},
        {"{}", 0, 0},
        {"7", 0, 0},
    };
    for (size_t i = 0; i < sizeof record / sizeof record[0]; i++) {
        struct vit_tally t = tally(1e-6);
        cJSON *tree = cJSON_Parse(record[i].json);
        assert_non_null(tree);
        vit_tally_record(&t, tree, v);
        if (t.compared != record[i].compared || t.outside != record[i].outside)
            fail_msg("%s: %d compared, %d outside at %s", record[i].json, t.compared, t.outside, t.where);
        cJSON_Delete(tree);
    }
}

static void test_fixture_refuses_unusable_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"", "no valid JSON at byte 0"},
        {"{", "no valid JSON"},
        {"{\"schema\":\"vit-fixture/1\"} x", "no valid JSON"},
        {"{\"schema\":\"vit-fixture/1\",}", "no valid JSON"},
        {"{\"schema\":\"vit-fixture/2\"}", "\"schema\" is vit-fixture/2, expected \"vit-fixture/1\""},
        {"{\"schema\":1}", "\"schema\" is missing"},
        {"{\"Schema\":\"vit-fixture/1\"}", "\"schema\" is missing"},
        {"[\"vit-fixture/1\"]", "\"schema\" is missing"},
        {"null", "\"schema\" is missing"},
    };
    struct cJSON *root;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_text(wrong[i].text);
        assert_fails(vit_fixture_open(&root, path), VIT_EFORMAT, wrong[i].message);
        assert_non_null(strstr(vit_error(), path));
        assert_null(root);
    }
    assert_fails(vit_fixture_open(&root, "/nonexistent/f.json"), VIT_EIO, "/nonexistent/f.json: No such file");
    assert_fails(vit_fixture_open(&root, "tests"), VIT_EIO, "tests: Is a directory");
}

static void test_fixture_members_may_be_absent_or_of_another_type(void **state)
{
    (void)state;
    write_text(
        "{\"schema\":\"vit-fixture/1\",\"n\":-1,\"big\":1e300,\"half\":2.5,\"text\":\"3\",\"list\":[],\"o\":{}}");
    struct cJSON *root;
    assert_ok(vit_fixture_open(&root, path));
    assert_int_equal(vit_fixture_integer(root, "n"), -1);
    assert_int_equal(vit_fixture_integer(root, "big"), -1);
    assert_int_equal(vit_fixture_integer(root, "text"), -1);
    assert_int_equal(vit_fixture_integer(root, "nope"), -1);
    assert_null(vit_fixture_text(root, "n"));
    assert_null(vit_fixture_first(vit_fixture_member(root, "list")));
    assert_null(vit_fixture_first(vit_fixture_member(root, "nope")));
    assert_null(vit_fixture_member(vit_fixture_member(root, "n"), "x"));
    assert_int_equal(vit_fixture_length(vit_fixture_member(root, "nope")), 0);
    assert_true(isnan(vit_fixture_value(vit_fixture_member(root, "text"))));
    assert_true(isnan(vit_fixture_value(NULL)));
    vit_fixture_close(root);
    vit_fixture_close(NULL);
}

/* Descriptions of models that cannot be: a message with the file's name, no crash. */
static void test_verification_refuses_improper_descriptions(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"img\":64,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":7,\"img\":64,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"nope\",\"img\":64,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":-64,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":63,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":4294967360,\"classes\":10,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":64,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":64,\"classes\":4294967306,\"eval\":{\"batch\":1}",
        "\"model\":\"deit_nano\",\"img\":64,\"classes\":10",
        "\"model\":\"deit_nano\",\"img\":64,\"classes\":10,\"eval\":[]",
        "\"model\":\"deit_nano\",\"img\":64,\"classes\":10,\"eval\":{\"batch\":0}",
        "\"model\":\"deit_nano\",\"img\":64,\"classes\":10,\"eval\":{\"batch\":1e30}",
        ("\"model\":\"another\",\"family\":\"deit\",\"config\":{\"embed_dim\":48,\"num_heads\":5},\"img\":64,"
         "\"classes\":10,\"eval\":{\"batch\":1}"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"schema\":\"vit-fixture/1\",\"kind\":\"model\",\"seed\":1,%s}", wrong[i]);
        write_text(text);
        struct vit_verification v = {.path = path, .threads = 1};
        struct cJSON *root;
        assert_ok(vit_fixture_open(&root, path));
        v.root = root;
        assert_fails(vit_verify_model(&v), VIT_EFORMAT, path);
        vit_fixture_close(root);
    }
}

static int verify(struct cJSON *root)
{
    struct vit_verification v = {.path = "fixture", .threads = 1, .root = root};
    assert_ok(vit_verify_model(&v));
    int outside = 0;
    for (int i = 0; i < v.n_tally; i++)
        outside += v.tally[i].outside;
    return outside;
}

/* Lists of other things than expected count as outside. */
static void test_verification_survives_improper_records(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"eval\":{\"batch\":1}",
        "\"eval\":{\"batch\":1,\"logits\":7}",
        "\"eval\":{\"batch\":1,\"logits\":[[1e999,1,2,3,4,5,6,7,8,9]]}",
        "\"eval\":{\"batch\":1,\"taps\":[1,{},{\"name\":\"nope\"}]}",
        "\"eval\":{\"batch\":1,\"attention\":[1,{},{\"block\":\"blocks.0.attn\",\"heads\":0,\"tokens\":0,"
        "\"full\":[1,2],\"rows\":[1]}]}",
        "\"eval\":{\"batch\":1,\"attention\":[{\"block\":\"blocks.0.attn\",\"heads\":9007199254740992,"
        "\"tokens\":9007199254740992,\"full\":[1],\"per_head\":[1,{}]}]}",
        "\"eval\":{\"batch\":1,\"attention\":[{\"block\":\"blocks.0.attn\",\"heads\":3,\"tokens\":17,"
        "\"rows\":[{\"window\":0,\"head\":9,\"query\":0,\"v\":[1]},{\"window\":0,\"head\":0,\"query\":17,\"v\":[1]},"
        "{\"window\":5,\"head\":0,\"query\":0,\"v\":[1]},{}]}]}",
        "\"eval\":{\"batch\":1,\"attention\":[{\"block\":\"blocks.0.attn\",\"windows\":1,\"heads\":3,"
        "\"tokens\":1000000,\"rows\":[{\"window\":0,\"head\":0,\"query\":999999,\"v\":[1]}]}]}",
        "\"eval\":{\"batch\":1,\"similarity\":[1,{\"block\":\"blocks.0.attn\",\"cos\":[1,[1,2,3,4,5],[],7],"
        "\"max_other\":[1e999,{},2,3,4]}]}",
        "\"weights\":[1,{\"name\":\"cls_token\",\"shape\":[1e300,-1e300,null,9e18,9e18]}],\"eval\":{\"batch\":1}",
        "\"counts\":{\"params\":1e300,\"layers\":[1,{\"name\":\"nope\"}],\"attention\":[{}]},\"eval\":{\"batch\":1}",
        "\"input\":[],\"eval\":{\"batch\":1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"schema\":\"vit-fixture/"
                 "1\",\"kind\":\"model\",\"model\":\"deit_nano\",\"seed\":1,\"img\":64,\"classes\":10,%s}",
                 wrong[i]);
        cJSON *root = cJSON_Parse(text);
        assert_non_null(root);
        assert_true(verify(root) > 0);
        cJSON_Delete(root);
    }
}

/* The number at a path of members; "3" is an index in an array. */
static cJSON *number_at(cJSON *root, const char *where)
{
    char text[128], *rest = NULL;
    snprintf(text, sizeof text, "%s", where);
    for (char *part = strtok_r(text, "/", &rest); part && root; part = strtok_r(NULL, "/", &rest))
        root = cJSON_IsArray(root) ? cJSON_GetArrayItem(root, atoi(part)) : cJSON_GetObjectItem(root, part);
    if (!cJSON_IsNumber(root))
        fail_msg("%s is no number of the fixture", where);
    return root;
}

static void check_changes(const char *fixture, const char *const *where, int n)
{
    struct cJSON *root;
    assert_ok(vit_fixture_open(&root, fixture));
    assert_int_equal(verify(root), 0);
    for (int i = 0; i < n; i++) {
        cJSON *number = number_at(root, where[i]);
        double value = number->valuedouble;
        /* Counts by one; others in the second digit. */
        cJSON_SetNumberValue(number, value == floor(value) ? value + 1 : value * 1.05);
        if (verify(root) == 0)
            fail_msg("%s: %s may be %.12g instead of %.12g", fixture, where[i], number->valuedouble, value);
        cJSON_SetNumberValue(number, value);
    }
    assert_int_equal(verify(root), 0);
    vit_fixture_close(root);
}

static void test_verification_notices_a_changed_digit(void **state)
{
    (void)state;
    static const char *const deit[] = {"eval/logits/0/0",
                                       "eval/logits/1/9",
                                       "eval/logits_rec/std",
                                       "eval/loss",
                                       "eval/taps/0/std",
                                       "eval/taps/3/first8/2",
                                       "eval/taps/14/strided8/7",
                                       "eval/attention/0/full/100",
                                       "eval/attention/1/heads",
                                       "eval/attention/0/windows",
                                       "eval/attention/1/tokens",
                                       "counts/params",
                                       "counts/macs_total",
                                       "weights/0/v0",
                                       "weights/31/vlast",
                                       "weights/5/sum",
                                       "weights/2/shape/0",
                                       "input/std",
                                       "input/first8/3",
                                       "eval/similarity/0/cos/1/2",
                                       "eval/similarity/1/max_other/0"};
    static const char *const efficientvit[] = {"eval/logits/0/3",      "counts/bn_params",
                                               "counts/buffers_float", "counts/macs_attention",
                                               "eval/taps/2/l2",       "eval/attention/0/per_head/1/entropy"};
    static const char *const swin[] = {"eval/logits/1/0", "counts/macs_conv_linear", "eval/attention/1/per_head/0/std",
                                       "eval/attention/1/per_head/1/max", "eval/similarity/2/max_other_map/1"};
    check_changes("tests/fixtures/deit_nano_s1.json", deit, sizeof deit / sizeof deit[0]);
    check_changes("tests/fixtures/efficientvit_nano_s1.json", efficientvit,
                  sizeof efficientvit / sizeof efficientvit[0]);
    check_changes("tests/fixtures/swin_nano_s1.json", swin, sizeof swin / sizeof swin[0]);
}

/* Another seed is another model: nearly everything is outside. */
static void test_verification_notices_another_seed(void **state)
{
    (void)state;
    struct cJSON *root;
    assert_ok(vit_fixture_open(&root, "tests/fixtures/deit_nano_s1.json"));
    cJSON_SetNumberValue(number_at(root, "seed"), 2);
    assert_true(verify(root) > 500);
    vit_fixture_close(root);
}

/* A model that is not in the zoo is built from the numbers of its "config". */
static void test_verification_builds_models_of_other_names(void **state)
{
    (void)state;
    static const char *const fixture[] = {"tests/fixtures/deit_nano_s1.json",
                                          "tests/fixtures/efficientvit_nano_s1.json",
                                          "tests/fixtures/swin_nano_s1.json"};
    for (size_t i = 0; i < sizeof fixture / sizeof fixture[0]; i++) {
        struct cJSON *root;
        assert_ok(vit_fixture_open(&root, fixture[i]));
        assert_non_null(cJSON_SetValuestring(cJSON_GetObjectItem(root, "model"), "another"));
        assert_int_equal(verify(root), 0);
        struct vit_verification v = {.path = "x.json", .graph = "eager", .threads = 1, .root = root};
        struct vit_instance instance;
        cJSON *family = cJSON_DetachItemFromObject(root, "family");
        assert_fails(vit_verification_open(&v, root, 1, NULL, &instance), VIT_EFORMAT, "x.json: model \"another\"");
        cJSON_Delete(family);
        cJSON_AddStringToObject(root, "family", "vgg");
        assert_fails(vit_verification_open(&v, root, 1, NULL, &instance), VIT_EFORMAT, "family \"vgg\" is unknown");
        vit_fixture_close(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_counts_and_keeps_the_worst),
        cmocka_unit_test(test_tally_takes_no_infinity_and_no_nan),
        cmocka_unit_test(test_tally_shows_a_nan),
        cmocka_unit_test(test_tally_allows_for_the_digits_listed),
        cmocka_unit_test(test_tally_equal_is_exact),
        cmocka_unit_test(test_tally_record_compares_what_is_listed),
        cmocka_unit_test(test_fixture_refuses_unusable_files),
        cmocka_unit_test(test_fixture_members_may_be_absent_or_of_another_type),
        cmocka_unit_test(test_verification_refuses_improper_descriptions),
        cmocka_unit_test(test_verification_survives_improper_records),
        cmocka_unit_test(test_verification_notices_a_changed_digit),
        cmocka_unit_test(test_verification_notices_another_seed),
        cmocka_unit_test(test_verification_builds_models_of_other_names),
    };
    return cmocka_run_group_tests_name("analysis_fixture", tests, make_path, remove_path);
}
