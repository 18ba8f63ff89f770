/* SPDX-License-Identifier: MIT */
/* Power laws are found with the intervals that theory gives; sizes are read as written; the study keeps its points,
 * says why one is missing, and its counts are those of the graphs. */
#include "analysis/power_fit.h"
#include "analysis/resolution.h"
#include "model/base/status.h"
#include "model/plan.h"
#include "model/zoo/model.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <sys/stat.h>
#include <unistd.h>

static void test_a_law_is_found(void **state)
{
    (void)state;
    const double x[] = {4, 1, 2, 8, 3}; /* in any order */
    double y[5];
    for (int i = 0; i < 5; i++)
        y[i] = 3 * pow(x[i], 1.5);
    const struct vit_power_fit f = vit_power_fit(x, y, 5);
    assert_int_equal(f.n, 5);
    assert_close(f.exponent, 1.5, 1e-12);
    assert_close(f.factor, 3, 1e-12);
    assert_close(f.low, 1.5, 1e-12);
    assert_close(f.high, 1.5, 1e-12);
    assert_close(f.last_exponent, 1.5, 1e-12);
    assert_close(f.most_off, 0, 1e-12);
}

/* Logarithms 0, 1, 2 and 0, 1 + d, 2: slope 1, residuals d (-1, 2, -1) / 3, so its standard error is
 * sqrt(6 d^2 / 9 / 1 / 2) = d / sqrt(3); t of one degree of freedom is 12.706. */
static void test_an_interval_is_students(void **state)
{
    (void)state;
    const double d = 0.01, x[] = {1, exp(1), exp(2)}, y[] = {1, exp(1 + d), exp(2)};
    const struct vit_power_fit f = vit_power_fit(x, y, 3);
    assert_close(f.exponent, 1, 1e-12);
    assert_close(f.high - f.exponent, 12.706 * d / sqrt(3), 1e-12);
    assert_close(f.exponent - f.low, 12.706 * d / sqrt(3), 1e-12);
    assert_close(f.last_exponent, 1 - d, 1e-12);
    assert_close(f.most_off, expm1(2 * d / 3), 1e-12);
}

static void test_what_cannot_be_fitted_is_left_out(void **state)
{
    (void)state;
    const double x[] = {1, 2, 4, 8}, y[] = {2, (double)NAN, 8, 0};
    struct vit_power_fit f = vit_power_fit(x, y, 4);
    assert_int_equal(f.n, 2);
    assert_close(f.exponent, 1, 1e-12);
    assert_true(isnan(f.low) && isnan(f.high)); /* two points scatter about nothing */
    f = vit_power_fit(x, y, 2);
    assert_true(f.n == 1 && isnan(f.exponent) && isnan(f.factor));
    f = vit_power_fit(x, y, 0);
    assert_true(f.n == 0 && isnan(f.exponent));
}

static void test_sizes_are_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0", "32,", ",32", "32,x", "32 64", "-5", "4097", "99999999999999999999"};
    int size[VIT_MOST_SIZES], n;
    assert_ok(vit_resolution_sizes(size, &n, "96,32,64"));
    assert_true(n == 3 && size[0] == 32 && size[1] == 64 && size[2] == 96);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(vit_resolution_sizes(size, &n, wrong[i]), VIT_EINVAL, "takes sides from 1 to 4096");
    assert_fails(vit_resolution_sizes(size, &n, "32,64,32"), VIT_EINVAL, "has 32 twice");
    assert_fails(vit_resolution_sizes(size, &n,
                                      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,"
                                      "27,28,29,30,31,32,33"),
                 VIT_EINVAL, "more than 32");
}

static struct program_run run;
static const char settings[] = "--repeat 2 --min-time 0 --warmup 0";

static const char *cell(struct vit_csv *csv, int64_t row, const char *column)
{
    int at;
    assert_ok(vit_csv_find(csv, column, &at));
    return vit_csv_text(csv, row, at);
}

static double number(struct vit_csv *csv, int64_t row, const char *column)
{
    struct vit_cell value;
    int at;
    assert_ok(vit_csv_find(csv, column, &at));
    assert_ok(vit_csv_real(csv, row, at, &value));
    assert_true(value.present);
    return value.r;
}

static void check_counts(struct vit_csv *csv, int64_t row)
{
    struct vit_graph graph;
    struct vit_plan plan;
    const struct vit_model_options options = {.img = (int)number(csv, row, "image_size"), .batch = 2};
    assert_ok(vit_model_build(&graph, vit_model_find(cell(csv, row, "model")), options));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1}));
    const struct vit_cost cost = vit_plan_cost(&plan);
    assert_true(number(csv, row, "macs") == (double)cost.macs);
    assert_true(number(csv, row, "compulsory_bytes") == (double)vit_cost_bytes(&cost));
    assert_true(number(csv, row, "arena_bytes") == (double)plan.space_bytes[VIT_SPACE_ACTIVATION]);
    assert_true(number(csv, row, "params") == (double)vit_graph_parameters(&graph));
    vit_plan_close(&plan);
    vit_graph_close(&graph);
}

static void check_times(struct vit_csv *csv, int64_t row)
{
    assert_true(number(csv, row, "time_low_ns") > 0);
    assert_true(number(csv, row, "time_low_ns") <= number(csv, row, "time_ns"));
    assert_true(number(csv, row, "time_ns") <= number(csv, row, "time_high_ns"));
    const double bound = number(csv, row, "memory_bound_pct"), attention = number(csv, row, "attention_pct");
    assert_true(bound > 0 && bound < 100 && attention > 0 && attention < number(csv, row, "mhsa_pct"));
    assert_true(number(csv, row, "memory_bound_low_pct") <= bound &&
                bound <= number(csv, row, "memory_bound_high_pct"));
    assert_true(number(csv, row, "memory_bound_ns") < number(csv, row, "operators_ns"));
}

static void test_the_study_measures_each_size(void **state)
{
    (void)state;
    struct vit_csv *csv;
    program_start(&run, "study resolution deit_nano swin_nano --sizes 64,30,32 --batch 2 %s --out %s", settings,
                  program_path("study"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_non_null(strstr(run.output, "deit_nano at 30 x 30 was not run: "));
    assert_ok(vit_csv_open(&csv, program_path("study/resolution.csv")));
    assert_int_equal(vit_csv_rows(csv), 6);
    assert_string_equal(cell(csv, 0, "image_size"), "30"); /* ascending; patches of 8 */
    assert_non_null(cell(csv, 0, "reason"));
    assert_null(cell(csv, 0, "time_ns"));
    for (int row = 1; row < 3; row++) {
        assert_null(cell(csv, row, "reason"));
        check_counts(csv, row);
        check_times(csv, row);
    }
    vit_csv_close(csv);
}

/* Exponents of counts are those of the rows that were written. */
static void test_exponents_are_of_the_rows(void **state)
{
    (void)state;
    struct vit_csv *points, *laws;
    assert_ok(vit_csv_open(&points, program_path("study/resolution.csv")));
    assert_ok(vit_csv_open(&laws, program_path("study/exponents.csv")));
    int seen = 0;
    for (int64_t row = 0; row < vit_csv_rows(laws); row++) {
        if (strcmp(cell(laws, row, "model"), "deit_nano") != 0 || strcmp(cell(laws, row, "quantity"), "macs") != 0)
            continue;
        seen++;
        const double want = log(number(points, 2, "macs") / number(points, 1, "macs")) / log(4);
        assert_close(number(laws, row, "exponent"), want, 1e-12);
        assert_true(number(laws, row, "points") == 2);
        assert_null(cell(laws, row, "exponent_low"));
        assert_string_equal(cell(laws, row, "from_size"), "32");
        assert_string_equal(cell(laws, row, "to_size"), "64");
    }
    assert_int_equal(seen, 1);
    vit_csv_close(points);
    vit_csv_close(laws);
}

/* What is there is not measured again, and other settings are not mixed in. */
static void test_the_study_goes_on(void **state)
{
    (void)state;
    struct stat before, after;
    const char *unit = program_path("study/units/deit_nano.eager.s32.b2.t1.csv");
    assert_int_equal(stat(unit, &before), 0);
    program_start(&run, "study resolution deit_nano --sizes 32,40 --batch 2 %s --format csv --out %s", settings,
                  program_path("study"));
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "\"deit_nano\",\"eager\",40,2,1,"));
    assert_int_equal(stat(unit, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    program_start(&run, "study resolution deit_nano --sizes 32 --batch 2 %s --seed 9 --out %s", settings,
                  program_path("study"));
    assert_int_not_equal(run.exit_code, 0);
    assert_non_null(strstr(run.error, "choose another --out"));
}

/* One size is no line; a model that is too large for any machine is a row: its plan is known. */
static void test_what_is_not_there_is_not_drawn(void **state)
{
    (void)state;
    struct vit_csv *csv;
    program_start(&run, "study resolution deit_nano --sizes 32 %s --out %s", settings, program_path("one"));
    assert_int_equal(run.exit_code, 0);
    assert_int_not_equal(access(program_path("one/resolution_time.png"), F_OK), 0);
    program_start(&run, "study resolution deit_base --sizes 2048,4096 --batch 4096 %s --out %s", settings,
                  program_path("large"));
    if (run.exit_code != 0)
        fail_msg("%s", run.error);
    assert_int_not_equal(access(program_path("large/resolution_time.png"), F_OK), 0);
    assert_ok(vit_csv_open(&csv, program_path("large/resolution.csv")));
    assert_int_equal(vit_csv_rows(csv), 2);
    assert_non_null(strstr(cell(csv, 1, "reason"), "of memory, this machine has"));
    assert_null(cell(csv, 1, "time_ns"));
    assert_true(number(csv, 1, "arena_bytes") > number(csv, 0, "arena_bytes"));
    vit_csv_close(csv);
}

static void test_mistakes_are_told(void **state)
{
    (void)state;
    program_start(&run, "study resolution nope --out %s", program_path("x"));
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "model \"nope\" is unknown"));
    program_start(&run, "study resolution deit_nano deit_nano --sizes 32 --out %s", program_path("x"));
    assert_non_null(strstr(run.error, "deit_nano is given twice"));
    program_start(&run, "study resolution deit_nano --img 32 --out %s", program_path("x"));
    assert_non_null(strstr(run.error, "takes --sizes LIST"));
    program_start(&run, "study resolution deit_nano --sizes 32 --graph nope --out %s", program_path("x"));
    assert_int_equal(run.exit_code, 2);
    assert_int_not_equal(access(program_path("x/resolution.csv"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_law_is_found),
        cmocka_unit_test(test_an_interval_is_students),
        cmocka_unit_test(test_what_cannot_be_fitted_is_left_out),
        cmocka_unit_test(test_sizes_are_read),
        cmocka_unit_test(test_the_study_measures_each_size),
        cmocka_unit_test(test_exponents_are_of_the_rows),
        cmocka_unit_test(test_the_study_goes_on),
        cmocka_unit_test(test_what_is_not_there_is_not_drawn),
        cmocka_unit_test(test_mistakes_are_told),
    };
    return cmocka_run_group_tests_name("analysis_resolution", tests, program_make_folder, program_remove_folder);
}
