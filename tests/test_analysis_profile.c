/* SPDX-License-Identifier: MIT */
/* The run folder of `vitscope profile`: complete, consistent, and every column with its source. */
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPEATS = 3 };

static struct program_run run;
static cJSON *info;

static int profile(void **state)
{
    if (program_make_folder(state) != 0)
        return -1;
    program_start(&run, "profile deit_nano swin_nano --batch 2 --warmup 0 --min-time 0 --repeat %d --out %s/run",
                  REPEATS, program_folder);
    FILE *file = fopen(program_path("run/run.json"), "r");
    static char text[1 << 20];
    if (run.exit_code != 0 || !file)
        return -1;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    info = cJSON_ParseWithOpts(text, NULL, 1);
    return info ? 0 : -1;
}

static int clean(void **state)
{
    cJSON_Delete(info);
    return program_remove_folder(state);
}

static const cJSON *model(int i)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(info, "models"), i);
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    if (!cJSON_IsNumber(item))
        fail_msg("run.json: %s is no number", name);
    return cJSON_GetNumberValue(item);
}

static struct vit_csv *table(const char *name)
{
    struct vit_csv *csv;
    assert_ok(vit_csv_open(&csv, program_path(name)));
    return csv;
}

static double sum(const struct vit_csv *csv, const char *name)
{
    int column;
    double total = 0;
    assert_ok(vit_csv_find(csv, name, &column));
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        struct vit_cell cell;
        assert_ok(vit_csv_real(csv, row, column, &cell));
        total += cell.present ? cell.r : 0;
    }
    return total;
}

static void test_profile_prints_and_leaves_a_complete_folder(void **state)
{
    (void)state;
    static const char *const file[] = {"operators.csv", "summary.csv", "classes.csv", "blocks.csv"};
    assert_string_equal(run.error, "");
    assert_non_null(strstr(run.output, "deit_nano"));
    assert_non_null(strstr(run.output, "swin_nano"));
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++)
        for (int m = 0; m < 2; m++) {
            char path[128];
            snprintf(path, sizeof path, "run/%s_nano/%s", m ? "swin" : "deit", file[i]);
            assert_int_equal(access(program_path(path), R_OK), 0);
        }
}

static void test_profile_has_a_row_per_step_and_repeat(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        struct vit_csv *csv = table(m ? "run/swin_nano/operators.csv" : "run/deit_nano/operators.csv");
        int64_t steps = (int64_t)number(cJSON_GetObjectItem(model(m), "plan"), "operators");
        int step, repeat;
        assert_int_equal(vit_csv_rows(csv), steps * REPEATS);
        assert_ok(vit_csv_find(csv, "step", &step));
        assert_ok(vit_csv_find(csv, "repeat", &repeat));
        for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
            struct vit_cell s, r;
            assert_ok(vit_csv_int(csv, row, step, &s));
            assert_ok(vit_csv_int(csv, row, repeat, &r));
            assert_int_equal(s.i, row % steps);
            assert_int_equal(r.i, row / steps);
        }
        vit_csv_close(csv);
    }
}

static void test_profile_tables_close(void **state)
{
    (void)state;
    struct vit_csv *classes = table("run/deit_nano/classes.csv"), *blocks = table("run/deit_nano/blocks.csv"),
                   *summary = table("run/deit_nano/summary.csv");
    const cJSON *plan = cJSON_GetObjectItem(model(0), "plan");
    assert_close(sum(classes, "share_pct"), 100, 1e-9);
    assert_close(sum(summary, "share_pct"), 100, 1e-9);
    assert_close(sum(blocks, "share_pct"), 100, 1e-9);
    double total = sum(summary, "time_ns");
    assert_true(total > 0);
    assert_close(sum(classes, "time_ns"), total, 1e-9 * total);
    assert_close(sum(blocks, "time_ns"), total, 1e-9 * total);
    assert_close(sum(summary, "macs"), number(plan, "macs"), 0);
    assert_close(sum(classes, "flops"), number(plan, "flops"), 0);
    assert_close(sum(blocks, "compulsory_bytes"), number(plan, "compulsory_bytes"), 0);
    assert_close(sum(classes, "operators"), number(plan, "operators"), 0);
    vit_csv_close(classes);
    vit_csv_close(blocks);
    vit_csv_close(summary);
}

/* A training step: both passes of every class, what is computed again, and all of it adds up. */
static void test_profile_tells_the_passes_of_a_training_step(void **state)
{
    (void)state;
    int pass, n[3] = {0};
    program_start(
        &run,
        "profile efficientvit_nano --train --recompute relu --probes wall_time --batch 2 --warmup 0 --min-time "
        "0 --repeat 1 --out %s/train",
        program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "x the forward), computed again"));
    struct vit_csv *classes = table("train/classes.csv"), *summary = table("train/summary.csv");
    assert_close(sum(classes, "share_pct"), 100, 1e-9);
    assert_close(sum(classes, "operators"), (double)vit_csv_rows(summary), 0);
    assert_ok(vit_csv_find(summary, "pass", &pass));
    for (int64_t row = 0; row < vit_csv_rows(summary); row++) {
        static const char *const name[3] = {"forward", "backward", "again"};
        for (int i = 0; i < 3; i++)
            n[i] += strcmp(vit_csv_text(summary, row, pass), name[i]) == 0;
    }
    assert_int_equal(n[0] + n[1] + n[2], vit_csv_rows(summary));
    assert_int_equal(n[0], n[1]); /* every operator of this model has a way back */
    assert_true(n[2] > 0 && n[2] < n[0]);
    vit_csv_close(classes);
    vit_csv_close(summary);
}

/* Each column after "repeat" is described in run.json, in order; absent ones are empty in every row and say why. */
static void test_profile_columns_have_sources_or_reasons(void **state)
{
    (void)state;
    struct vit_csv *csv = table("run/deit_nano/operators.csv");
    const cJSON *columns = cJSON_GetObjectItem(model(0), "columns");
    int first, absent_columns = 0;
    assert_ok(vit_csv_find(csv, "repeat", &first));
    assert_int_equal(cJSON_GetArraySize(columns), vit_csv_columns(csv) - first - 1);
    for (int c = first + 1; c < vit_csv_columns(csv); c++) {
        const cJSON *column = cJSON_GetArrayItem(columns, c - first - 1);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(column, "name")), vit_csv_name(csv, c));
        const char *source = cJSON_GetStringValue(cJSON_GetObjectItem(column, "source"));
        assert_true(source && *source);
        const cJSON *reason = cJSON_GetObjectItem(column, "absent");
        bool absent = cJSON_IsString(reason) && *cJSON_GetStringValue(reason);
        absent_columns += absent;
        for (int64_t row = 0; row < vit_csv_rows(csv); row++)
            if ((vit_csv_text(csv, row, c) == NULL) != absent)
                fail_msg("%s, row %lld: %s", vit_csv_name(csv, c), (long long)row,
                         absent ? "has a value although it is absent" : "is empty without a reason");
    }
    assert_true(absent_columns < cJSON_GetArraySize(columns));
    vit_csv_close(csv);
}

static void test_profile_run_tells_what_was_run(void **state)
{
    (void)state;
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(info, "command")), "profile");
    assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(info, "build"), "commit")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(info, "models")), 2);
    for (int m = 0; m < 2; m++) {
        assert_int_equal(number(model(m), "batch"), 2);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(model(m), "input")), "generated, seed 1");
        double explained = number(model(m), "share_explained");
        assert_true(explained > 0 && explained < 1.01);
        const cJSON *forward = cJSON_GetObjectItem(model(m), "forward_ns");
        assert_int_equal(number(forward, "runs"), REPEATS);
        assert_true(number(forward, "least") <= number(forward, "median"));
        assert_true(number(forward, "median") <= number(forward, "most"));
        assert_close(number(model(m), "images_per_s"), 2e9 / number(forward, "median"), 1e-3);
    }
}

static void test_profile_prints_csv_and_json_that_parse(void **state)
{
    (void)state;
    static struct program_run other;
    program_start(&other, "profile deit_nano swin_nano --warmup 0 --min-time 0 --repeat 1 --format json --out %s/json",
                  program_folder);
    assert_int_equal(other.exit_code, 0);
    cJSON *rows = cJSON_ParseWithOpts(other.output, NULL, 1);
    assert_true(cJSON_GetArraySize(rows) > 6); /* one table of both models */
    cJSON_Delete(rows);
    program_start(&other, "profile deit_nano --warmup 0 --min-time 0 --repeat 1 --format csv --out %s/csv >%s",
                  program_folder, program_path("printed.csv"));
    assert_int_equal(other.exit_code, 0);
    struct vit_csv *csv = table("printed.csv");
    assert_close(sum(csv, "share_pct"), 100, 1e-9);
    vit_csv_close(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_prints_and_leaves_a_complete_folder),
        cmocka_unit_test(test_profile_has_a_row_per_step_and_repeat),
        cmocka_unit_test(test_profile_tables_close),
        cmocka_unit_test(test_profile_tells_the_passes_of_a_training_step),
        cmocka_unit_test(test_profile_columns_have_sources_or_reasons),
        cmocka_unit_test(test_profile_run_tells_what_was_run),
        cmocka_unit_test(test_profile_prints_csv_and_json_that_parse),
    };
    return cmocka_run_group_tests_name("analysis_profile", tests, profile, clean);
}
