/* SPDX-License-Identifier: MIT */
/* run.json and the JSON sink: exact numbers, escapes, errors that stick. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "reports/json.h"
#include "reports/sink.h"

/* The document on one line; to be freed. */
static char *printed(struct vit_json *json)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_ok(vit_json_print(json, stream, false));
    fclose(stream);
    return text;
}

static void assert_printed(struct vit_json *json, const char *expected)
{
    char *text = printed(json);
    assert_string_equal(text, expected);
    free(text);
    vit_json_close(json);
}

static void test_json_nests_and_keeps_integers_exact(void **state)
{
    (void)state;
    struct vit_json json;
    vit_json_open(&json);
    vit_json_integer(&json, "seed", INT64_MAX);
    vit_json_integer(&json, "least", INT64_MIN);
    vit_json_object(&json, "machine");
    vit_json_array(&json, "caches");
    vit_json_integer(&json, NULL, 32768);
    vit_json_object(&json, NULL);
    vit_json_number(&json, "tenth", 0.1);
    vit_json_end(&json);
    vit_json_end(&json);
    vit_json_boolean(&json, "shared", true);
    vit_json_end(&json);
    vit_json_null(&json, "energy_j", "no RAPL in this container");
    assert_printed(&json, "{\"seed\":9223372036854775807,\"least\":-9223372036854775808,"
                          "\"machine\":{\"caches\":[32768,{\"tenth\":0.1}],\"shared\":true},"
                          "\"energy_j\":null,\"energy_j_reason\":\"no RAPL in this container\"}");
}

static void test_json_escapes_text(void **state)
{
    (void)state;
    struct vit_json json;
    vit_json_open(&json);
    vit_json_string(&json, "a\"b", "quote \" backslash \\ newline \n tab \t bell \a \u00B5");
    vit_json_string(&json, "bad", "\xFF|\xC0\xAF|\xED\xA0\x80|\xE2\x82");
    vit_json_string(&json, "none", NULL);
    /* One U+FFFD per invalid byte: 1, 2 (overlong), 3 (surrogate), 2 (cut short). */
    assert_printed(&json, "{\"a\\\"b\":\"quote \\\" backslash \\\\ newline \\n tab \\t bell \\u0007 \u00B5\","
                          "\"bad\":\"\uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\",\"none\":null}");
}

static void test_json_numbers_that_are_not_finite_become_null(void **state)
{
    (void)state;
    struct vit_json json;
    vit_json_open(&json);
    vit_json_number(&json, "a", (double)NAN);
    vit_json_number(&json, "b", (double)INFINITY);
    vit_json_number(&json, "c", 5e-324);
    assert_printed(&json, "{\"a\":null,\"b\":null,\"c\":4.94065645841247e-324}");
}

static void test_json_misuse_sticks_to_the_document(void **state)
{
    (void)state;
    struct vit_json json;
    vit_json_open(&json);
    vit_json_integer(&json, "n", 1);
    vit_json_integer(&json, "n", 2);
    vit_json_integer(&json, "m", 3);
    assert_fails(vit_json_print(&json, stdout, false), VIT_EINVAL, "member n is there twice");
    vit_json_close(&json);

    vit_json_open(&json);
    vit_json_object(&json, "open");
    assert_fails(vit_json_write(&json, "/tmp/vit_json_never_written.json"), VIT_EINVAL, "1 objects or arrays");
    assert_int_not_equal(access("/tmp/vit_json_never_written.json", F_OK), 0);
    vit_json_close(&json);

    vit_json_open(&json);
    vit_json_end(&json);
    assert_fails(vit_json_print(&json, stdout, false), VIT_EINVAL, "more ends");
    vit_json_close(&json);

    vit_json_open(&json);
    for (int i = 0; i < VIT_JSON_DEPTH; i++)
        vit_json_object(&json, "deeper");
    assert_int_equal(json.status, VIT_EINVAL);
    vit_json_close(&json);
}

static void test_json_rows_are_an_array_with_absent_cells_null(void **state)
{
    (void)state;
    static const struct vit_column columns[] = {
        {"n", VIT_INT, "", ""}, {"x", VIT_REAL, "", ""}, {"name", VIT_TEXT, "", ""}};
    static const struct vit_schema schema = {"test", 1, 3, columns};
    const struct vit_sink_def *def;
    assert_ok(vit_sink_find(&def, "json"));
    for (int rows = 0; rows <= 2; rows += 2) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        assert_non_null(stream);
        struct vit_sink sink;
        assert_ok(vit_sink_open(&sink, def, &schema, &(struct vit_sink_target){.stream = stream}));
        if (rows) {
            assert_ok(
                vit_sink_write(&sink, (struct vit_cell[]){vit_int(INT64_MIN), vit_real_cell(0.25), vit_text("")}));
            assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_absent(), vit_absent(), vit_absent()}));
        }
        assert_ok(vit_sink_close(&sink));
        fclose(stream);
        assert_string_equal(text, rows ? "[\n{\"n\":-9223372036854775808,\"x\":0.25,\"name\":\"\"},\n"
                                         "{\"n\":null,\"x\":null,\"name\":null}\n]\n"
                                       : "[]\n");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_nests_and_keeps_integers_exact),
        cmocka_unit_test(test_json_escapes_text),
        cmocka_unit_test(test_json_numbers_that_are_not_finite_become_null),
        cmocka_unit_test(test_json_misuse_sticks_to_the_document),
        cmocka_unit_test(test_json_rows_are_an_array_with_absent_cells_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
