/* SPDX-License-Identifier: MIT */
/* What readers see: scaled numbers, tables that fit, schemas put together, progress. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "reports/number.h"
#include "reports/progress.h"
#include "reports/sink.h"

static void assert_scaled(const char *unit, double value, const char *expected)
{
    char text[VIT_NUMBER_BYTES];
    struct vit_column column = {"c", VIT_REAL, unit, ""};
    vit_number_scaled(text, &column, vit_real_cell(value));
    assert_string_equal(text, expected);
}

static void assert_scaled_int(const char *unit, int64_t value, const char *expected)
{
    char text[VIT_NUMBER_BYTES];
    struct vit_column column = {"c", VIT_INT, unit, ""};
    vit_number_scaled(text, &column, vit_int(value));
    assert_string_equal(text, expected);
}

static void test_number_scaled_changes_unit_where_the_rounded_value_does(void **state)
{
    (void)state;
    assert_scaled("ns", 0, "0 ns");
    assert_scaled("ns", 12.34, "12.3 ns");
    assert_scaled("ns", 999.4, "999 ns");
    assert_scaled("ns", 999.6, "1.00 us");
    assert_scaled("ns", 1e6, "1.00 ms");
    assert_scaled("ns", 9996, "10.0 us");
    assert_scaled("ns", 2.5e9, "2.50 s");
    assert_scaled("ns", 3.6e12, "3600 s"); /* no unit past seconds */
    assert_scaled("ns", -1500, "-1.50 us");
    assert_scaled("B", 1023, "1023 B");
    assert_scaled("B", 1024, "1.00 KiB");
    assert_scaled("B", 1048576.0 * 1.5, "1.50 MiB");
    assert_scaled("MAC", 79188480, "79.2 M");
    assert_scaled("FLOP", 1.26e9, "1.26 G");
    assert_scaled("%", 49.649, "49.6");
    assert_scaled("FLOP/B", 0.25, "0.25");
    assert_scaled("FLOP/B", 123.456, "123");
    assert_scaled("FLOP/B", 1e-9, "1.00e-09");
    assert_scaled("FLOP/B", (double)NAN, "-");
    assert_scaled_int("ns", 999, "999 ns");
    assert_scaled_int("ns", 1234567, "1.23 ms");
    assert_scaled_int("", 1234567, "1234567");
    assert_scaled_int("", INT64_MIN, "-9223372036854775808");
    assert_scaled_int("B", 7, "7 B");
}

static void test_number_exact_is_the_shortest_that_reads_back(void **state)
{
    (void)state;
    char text[VIT_NUMBER_BYTES];
    vit_number_exact(text, 0.1);
    assert_string_equal(text, "0.1");
    vit_number_exact(text, 0.1 + 0.2);
    assert_string_equal(text, "0.30000000000000004");
    vit_number_exact(text, -1.7976931348623157e308);
    assert_string_equal(text, "-1.7976931348623157e+308"); /* 16 digits would round past the range */
}

static const struct vit_column columns[] = {
    {"name", VIT_TEXT, "", ""},
    {"time_ns", VIT_REAL, "ns", ""},
    {"share_pct", VIT_REAL, "%", ""},
    {"bound", VIT_TEXT, "", ""},
};
static const struct vit_schema schema = {"test", 1, 4, columns};

/* A table of two rows; to be freed. */
static char *table(struct vit_sink_target target)
{
    const struct vit_sink_def *def;
    char *text = NULL;
    size_t size;
    target.stream = open_memstream(&text, &size);
    assert_non_null(target.stream);
    assert_ok(vit_sink_find(&def, "table"));
    struct vit_sink sink;
    assert_ok(vit_sink_open(&sink, def, &schema, &target));
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_text("blocks.0.attn.qkv"), vit_real_cell(1.5e6),
                                                        vit_real_cell(80), vit_text("compute")}));
    assert_ok(vit_sink_write(
        &sink, (struct vit_cell[]){vit_text("a\033[31m\xFF"), vit_absent(), vit_real_cell(20), vit_absent()}));
    assert_ok(vit_sink_close(&sink));
    fclose(target.stream);
    return text;
}

static void assert_table(struct vit_sink_target target, const char *expected)
{
    char *text = table(target);
    assert_string_equal(text, expected);
    free(text);
}

static void test_table_aligns_and_shows_absent_cells(void **state)
{
    (void)state;
    assert_table((struct vit_sink_target){.width = 0}, "name                  time  share %  bound\n"
                                                       "-----------------  -------  -------  -------\n"
                                                       "blocks.0.attn.qkv  1.50 ms     80.0  compute\n"
                                                       "a?[31m?                  -     20.0  -\n");
}

static void test_table_cuts_names_in_their_middle_to_fit(void **state)
{
    (void)state;
    assert_table((struct vit_sink_target){.width = 37}, "name             time share % bound\n"
                                                        "------------- ------- ------- -------\n"
                                                        "block..tn.qkv 1.50 ms    80.0 compute\n"
                                                        "a?[31m?             -    20.0 -\n");
}

static void test_table_gives_up_gaps_and_bar_before_names(void **state)
{
    (void)state;
    assert_table((struct vit_sink_target){.width = 48, .bar = "share_pct"},
                 "name                 time share % bound\n"
                 "----------------- ------- ------- -------\n"
                 "blocks.0.attn.qkv 1.50 ms    80.0 compute ######\n"
                 "a?[31m?                 -    20.0 -       ##\n");
    assert_table((struct vit_sink_target){.width = 41, .bar = "share_pct"},
                 "name                 time share % bound\n"
                 "----------------- ------- ------- -------\n"
                 "blocks.0.attn.qkv 1.50 ms    80.0 compute\n"
                 "a?[31m?                 -    20.0 -\n");
}

static void test_table_draws_bars(void **state)
{
    (void)state;
    assert_table((struct vit_sink_target){.width = 55, .bar = "share_pct"},
                 "name                  time  share %  bound\n"
                 "-----------------  -------  -------  -------\n"
                 "blocks.0.attn.qkv  1.50 ms     80.0  compute  #########\n"
                 "a?[31m?                  -     20.0  -        ##\n");
    char *text = table((struct vit_sink_target){.utf8 = true, .bar = "share_pct"});
    assert_non_null(strstr(text, "80.0  compute  \u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"));
    assert_non_null(strstr(text, "-        \u2588\u2588\u2588\u2588\u2588\n"));
    free(text);
}

static void test_schema_gathers_columns_and_refuses_a_name_twice(void **state)
{
    (void)state;
    struct vit_schema_builder builder;
    vit_schema_open(&builder, "operators", 1);
    assert_ok(vit_schema_add(&builder, columns, 2));
    assert_ok(vit_schema_add(&builder, columns + 2, 1));
    assert_int_equal(vit_schema_find(&builder.schema, "share_pct"), 2);
    assert_int_equal(vit_schema_find(&builder.schema, "bound"), -1);
    assert_fails(vit_schema_add(&builder, (struct vit_column[]){columns[3], columns[1]}, 2), VIT_EINVAL,
                 "schema operators: column time_ns is there twice");
    assert_int_equal(builder.schema.n_columns, 3);
    vit_schema_close(&builder);
}

static void test_progress_tells_share_and_time_left(void **state)
{
    (void)state;
    struct vit_progress progress;
    char text[80];
    vit_progress_open(&progress, "profile", 200);
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){0, 0});
    assert_string_equal(text, "profile  0 %");
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){50, 30000000000});
    assert_string_equal(text, "profile  25 %  1 min 30 s left");
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){2, 100000000000});
    assert_string_equal(text, "profile  1 %  2 h 45 min left");
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){200, 1});
    assert_string_equal(text, "profile  100 %");
}

static void test_progress_tells_a_note(void **state)
{
    (void)state;
    char text[160];
    struct vit_progress progress = {.stream = stderr, .label = "m0", .total = 4};
    vit_progress_note(&progress, "epoch %d/%d  loss %.2f", 1, 3, 0.5);
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){1, 1000000000});
    assert_string_equal(text, "m0  epoch 1/3  loss 0.50  25 %  3 s left");
    vit_progress_text(text, sizeof text, &progress, (struct vit_progress_state){0, 0});
    assert_string_equal(text, "m0  epoch 1/3  loss 0.50  0 %");
}

static void test_progress_is_throttled_and_cleared(void **state)
{
    (void)state;
    struct vit_progress progress;
    char *text = NULL;
    size_t size;
    vit_progress_open(&progress, "x", 100);
    progress.stream = open_memstream(&text, &size);
    assert_non_null(progress.stream);
    FILE *stream = progress.stream;
    vit_progress_update(&progress, 0);
    vit_progress_update(&progress, 100); /* too soon */
    vit_progress_close(&progress);
    vit_progress_update(&progress, 100); /* closed */
    fclose(stream);
    assert_string_equal(text, "\r\033[Kx  0 %\r\033[K");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_scaled_changes_unit_where_the_rounded_value_does),
        cmocka_unit_test(test_number_exact_is_the_shortest_that_reads_back),
        cmocka_unit_test(test_table_aligns_and_shows_absent_cells),
        cmocka_unit_test(test_table_cuts_names_in_their_middle_to_fit),
        cmocka_unit_test(test_table_gives_up_gaps_and_bar_before_names),
        cmocka_unit_test(test_table_draws_bars),
        cmocka_unit_test(test_schema_gathers_columns_and_refuses_a_name_twice),
        cmocka_unit_test(test_progress_tells_share_and_time_left),
        cmocka_unit_test(test_progress_tells_a_note),
        cmocka_unit_test(test_progress_is_throttled_and_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
