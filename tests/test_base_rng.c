/* SPDX-License-Identifier: MIT */
#include "model/base/rng.h"
#include "tests/support/test.h"

#include <math.h>

enum { DRAWS = 200000 };

static void streams_depend_on_all_three(void **state)
{
    (void)state;
    const uint64_t first = vit_rng_next(&(struct vit_rng){vit_rng_at(1, 2, 3).state});
    struct vit_rng same = vit_rng_at(1, 2, 3);
    const uint64_t other[] = {vit_rng_at(2, 2, 3).state, vit_rng_at(1, 3, 3).state, vit_rng_at(1, 2, 4).state,
                              vit_rng_at(2, 1, 3).state};
    assert_true(vit_rng_next(&same) == first);
    for (int i = 0; i < 4; i++)
        assert_true(vit_rng_next(&(struct vit_rng){other[i]}) != first);
}

/* Means of DRAWS numbers lie within five standard errors: a correct generator fails once in two million seeds, and the
 * seed is fixed. */
static void moments(double (*draw)(struct vit_rng *), double mean, double variance)
{
    struct vit_rng rng = vit_rng_at(7, VIT_RNG_STUDY, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double x = draw(&rng);
        sum += x;
        squares += (x - mean) * (x - mean);
    }
    assert_true(fabs(sum / DRAWS - mean) < 5 * sqrt(variance / DRAWS));
    assert_true(fabs(squares / DRAWS / variance - 1) < 0.02); /* kurtosis of all of these is below 9 */
}

static double beta_draw(struct vit_rng *rng)
{
    return vit_rng_beta(rng, 0.8, 0.8);
}

static double skewed_beta_draw(struct vit_rng *rng)
{
    return vit_rng_beta(rng, 2, 5);
}

static void distributions_have_their_moments(void **state)
{
    (void)state;
    moments(vit_rng_uniform, 0.5, 1.0 / 12);
    moments(vit_rng_normal, 0, 1);
    moments(beta_draw, 0.5, 0.25 / 2.6);
    moments(skewed_beta_draw, 2.0 / 7, 10.0 / (49 * 8));
}

static void below_covers_its_range_evenly(void **state)
{
    (void)state;
    enum { SIDES = 6 };
    struct vit_rng rng = vit_rng_at(3, VIT_RNG_STUDY, 1);
    int64_t count[SIDES] = {0};
    for (int i = 0; i < DRAWS; i++)
        count[vit_rng_below(&rng, SIDES)]++;
    for (int i = 0; i < SIDES; i++)
        assert_true(fabs((double)count[i] - (double)DRAWS / SIDES) < 5 * sqrt((double)DRAWS * 5 / 36));
    assert_int_equal(vit_rng_below(&rng, 1), 0);
}

static void shuffles_are_permutations_and_even(void **state)
{
    (void)state;
    enum { N = 3, ORDERS = 27, ROUNDS = 60000 };
    int64_t count[ORDERS] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        struct vit_rng rng = vit_rng_at(5, VIT_RNG_ORDER, (uint64_t)i);
        int64_t item[N] = {0, 1, 2};
        vit_rng_shuffle(&rng, item, N);
        assert_int_equal(item[0] + item[1] + item[2], 3);
        assert_int_equal((1 << item[0]) | (1 << item[1]) | (1 << item[2]), 7);
        count[item[0] * 9 + item[1] * 3 + item[2]]++;
    }
    for (int i = 0; i < ORDERS; i++)
        if (count[i])
            assert_true(fabs((double)count[i] - ROUNDS / 6.0) < 5 * sqrt(ROUNDS * 5 / 36.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_depend_on_all_three),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(below_covers_its_range_evenly),
        cmocka_unit_test(shuffles_are_permutations_and_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
