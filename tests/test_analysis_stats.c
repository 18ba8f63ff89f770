/* SPDX-License-Identifier: MIT */
/* Order statistics against values worked out by hand. */
#include "analysis/stats.h"
#include "tests/support/test.h"

static void test_stats_of_one_value(void **state)
{
    (void)state;
    double value[] = {7};
    struct vit_summary s = vit_stats_summary(value, 1);
    assert_int_equal(s.n, 1);
    assert_true(s.median == 7 && s.low == 7 && s.high == 7 && s.least == 7 && s.most == 7 && s.mean == 7);
}

static void test_stats_interpolate_between_neighbours(void **state)
{
    (void)state;
    double value[] = {40, 10, 30, 20};
    struct vit_summary s = vit_stats_summary(value, 4);
    assert_close(s.median, 25, 1e-12);
    assert_close(s.low, 17.5, 1e-12); /* 0.75 of the way from the first to the second */
    assert_close(s.high, 32.5, 1e-12);
    assert_close(s.mean, 25, 1e-12);
    assert_true(s.least == 10 && s.most == 40);
    assert_true(value[0] == 10 && value[3] == 40); /* sorted in place */
}

static void test_stats_odd_counts_need_no_interpolation(void **state)
{
    (void)state;
    double value[] = {5, 1, 4, 2, 3};
    struct vit_summary s = vit_stats_summary(value, 5);
    assert_true(s.median == 3 && s.low == 2 && s.high == 4);
}

static void test_stats_one_outlier_moves_the_mean_alone(void **state)
{
    (void)state;
    double value[] = {1, 1, 1, 1, 1, 1, 1, 1, 1e9};
    struct vit_summary s = vit_stats_summary(value, 9);
    assert_true(s.median == 1 && s.low == 1 && s.high == 1 && s.most == 1e9);
    assert_true(s.mean > 1e8);
}

static void test_stats_keep_order_of_negative_and_equal_values(void **state)
{
    (void)state;
    double value[] = {0, -2, 3, -2, 0, 3};
    assert_close(vit_stats_median(value, 6), 0, 0);
    assert_true(value[0] == -2 && value[1] == -2 && value[5] == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_of_one_value),
        cmocka_unit_test(test_stats_interpolate_between_neighbours),
        cmocka_unit_test(test_stats_odd_counts_need_no_interpolation),
        cmocka_unit_test(test_stats_one_outlier_moves_the_mean_alone),
        cmocka_unit_test(test_stats_keep_order_of_negative_and_equal_values),
    };
    return cmocka_run_group_tests_name("analysis_stats", tests, NULL, NULL);
}
