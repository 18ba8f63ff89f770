/* SPDX-License-Identifier: MIT */
/* test_model_special_values.c - softmax, activations and means at the borders of the number range, in every kernel set
 * and at every place in a vector and behind it. */
#include "tests/support/test.h"

#include "model/exec.h"
#include "model/gradient.h"
#include "model/kernel_set.h"
#include "model/kernels/layer_norm.h"

enum { N = 41 }; /* two vectors and an end, for every instruction set */

/* kernel(x) == y with `value` in each place, all other elements 0. */
static void check_each_place(void (*kernel)(vit_real *, const vit_real *, int64_t), vit_real value, double expected)
{
    for (int place = 0; place < N; place++) {
        vit_real x[N] = {0}, y[N];
        x[place] = value;
        kernel(y, x, N);
        if (isnan(expected))
            assert_true(isnan(y[place]));
        else
            assert_true((double)y[place] == expected);
        assert_close(y[(place + 1) % N], y[(place + 2) % N], 0);
    }
}

static void test_activations_keep_limits_and_nan(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        check_each_place((*set)->relu, (vit_real)NAN, NAN);
        check_each_place((*set)->relu, (vit_real)-INFINITY, 0);
        check_each_place((*set)->gelu, (vit_real)NAN, NAN);
        check_each_place((*set)->gelu, (vit_real)INFINITY, INFINITY);
        check_each_place((*set)->gelu, 1000, 1000);
        check_each_place((*set)->gelu, -1000, 0);
        check_each_place((*set)->sigmoid, (vit_real)NAN, NAN);
        check_each_place((*set)->sigmoid, (vit_real)INFINITY, 1);
        check_each_place((*set)->sigmoid, (vit_real)-INFINITY, 0);
        check_each_place((*set)->silu, (vit_real)NAN, NAN);
        check_each_place((*set)->silu, (vit_real)INFINITY, INFINITY);
        check_each_place((*set)->silu, -1000, 0);
        check_each_place((*set)->hswish, (vit_real)NAN, NAN);
        check_each_place((*set)->hswish, (vit_real)INFINITY, INFINITY);
        check_each_place((*set)->hswish, -1000, 0);
        check_each_place((*set)->relu6, (vit_real)NAN, NAN);
        check_each_place((*set)->relu6, (vit_real)INFINITY, 6);
        check_each_place((*set)->relu6, (vit_real)-INFINITY, 0);
        check_each_place((*set)->hsigmoid, (vit_real)NAN, NAN);
        check_each_place((*set)->hsigmoid, (vit_real)INFINITY, 1);
        check_each_place((*set)->hsigmoid, (vit_real)-INFINITY, 0);
    }
}

/* As the reference's: nothing of the gradient passes where y <= 0, all of it where y is NaN. */
static void test_relu_passes_nan_back(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (int place = 0; place < N; place++) {
            vit_real y[N] = {0}, dy[N], dx[N];
            for (int i = 0; i < N; i++)
                dy[i] = 3;
            y[place] = (vit_real)NAN;
            (*set)->relu_back(dx, y, dy, N, 0);
            for (int i = 0; i < N; i++)
                assert_true(dx[i] == (i == place ? 3 : 0));
        }
}

/* Relative to the value itself: the form with erf has no correct digit left at -6. The bound allows for the rounding of
 * x * x / 2, whose error the exponential multiplies by about 20. */
static void test_gelu_keeps_digits_in_the_negative_tail(void **state)
{
    (void)state;
    const double tolerance = 64 * (sizeof(vit_real) == sizeof(float) ? 1.2e-7 : 2.3e-16);
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (int i = 0; i < 60; i++) {
            vit_real x = (vit_real)(-0.11 * i - 0.01), y;
            (*set)->gelu(&y, &x, 1);
            double expected = 0.5 * (double)x * erfc(-(double)x * sqrt(0.5));
            assert_close((double)y / expected, 1, tolerance);
        }
}

static void test_softmax_gives_nothing_to_masked_elements(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (int n = 2; n <= N; n++) {
            vit_real x[N], y[N];
            for (int i = 0; i < n; i++)
                x[i] = i == n / 2 ? 3 : (vit_real)-INFINITY;
            (*set)->softmax_rows(y, x, 1, n);
            for (int i = 0; i < n; i++)
                assert_true(y[i] == (i == n / 2 ? 1 : 0));
        }
}

static void test_softmax_of_nan_or_nothing_is_nan(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (int place = 0; place < N; place++) {
            vit_real x[N] = {0}, y[N];
            x[place] = (vit_real)NAN;
            (*set)->softmax_rows(y, x, 1, N);
            assert_true(isnan(y[0]) && isnan(y[N - 1]));
            for (int i = 0; i < N; i++)
                x[i] = (vit_real)-INFINITY;
            (*set)->softmax_rows(y, x, 1, N);
            assert_true(isnan(y[0]) && isnan(y[N - 1]));
        }
}

/* Rows far from zero: one pass over squares would lose the variance (1e4 squared has no digit left for 1e-2). */
static void test_layer_norm_of_rows_far_from_zero_keeps_the_variance(void **state)
{
    (void)state;
    vit_real x[N], y[N], weight[N], bias[N] = {0};
    for (int i = 0; i < N; i++) {
        x[i] = 8192 + (vit_real)(i % 2 ? 0.125 : -0.125); /* exact in float */
        weight[i] = 1;
    }
    const double mean = -0.125 / N; /* one more of the lower value */
    const double deviation = sqrt(0.125 * 0.125 - mean * mean);
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        (*set)->layer_norm_rows(y, x, &(struct vit_layer_norm){weight, bias, 0}, 1, N);
        for (int i = 0; i < N; i++) /* 10 roundings */
            assert_close(y[i], ((i % 2 ? 0.125 : -0.125) - mean) / deviation, 10 * 1.2e-7);
    }
}

static void test_mean_of_a_long_row_loses_no_digit(void **state)
{
    (void)state;
    enum { LONG = 200000 };
    static vit_real x[LONG];
    for (int i = 0; i < LONG; i++)
        x[i] = (vit_real)0.1;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        vit_real y;
        (*set)->mean_rows(&y, x, 1,
                          LONG); /* sums of blocks are short: some 16 roundings; a plain float sum is off by 1e-3 */
        assert_close(y, x[0], 0.1 * 16 * 6e-8);
    }
}

enum { IMAGES = 5, PIXELS = 23 };

static double far_value(int64_t k)
{
    return 1000 + 0.02 * sin(12.9898 * (double)k);
}

/* One channel of x around 1000 with a deviation of 0.014: of the digits of y none may be lost to the mean. The values
 * are what float keeps of them, and y is compared with the formula in double on these: a rounding or two of x - mean,
 * exact to 6e-8 * 0.02, and of the deviation. */
static void test_batch_norm_far_from_zero_keeps_its_digits(void **state)
{
    (void)state;
    const int64_t shape[] = {IMAGES, 1, PIXELS}, one[] = {1};
    struct vit_graph g = {0};
    struct vit_plan plan;
    struct vit_exec exec;
    struct vit_tensor *x = vit_graph_tensor(&g, "x", VIT_SPACE_PARAM, 3, shape), *given[4];
    for (int i = 0; i < 4; i++)
        given[i] = vit_graph_tensor(&g, "given", i < 2 ? VIT_SPACE_PARAM : VIT_SPACE_BUFFER, 1, one);
    struct vit_tensor *y = vit_add_op(&g, VIT_OP_batch_norm_train, "norm", ((struct vit_attr){.eps = 1e-12}), x,
                                      given[0], given[1], given[2], given[3]);
    assert_ok(vit_graph_differentiate(&g, y, (struct vit_gradient_options){0}));
    assert_ok(vit_plan_build(&plan, &g, (struct vit_plan_options){.backward = true}));
    assert_ok(vit_exec_open(&exec, &plan));
    given[0]->data[0] = 1;
    given[1]->data[0] = given[2]->data[0] = given[3]->data[0] = 0;
    double mean = 0, variance = 0, slope = 0, n = IMAGES * PIXELS;
    for (int64_t k = 0; k < IMAGES * PIXELS; k++) {
        x->data[k] = (vit_real)far_value(k);
        mean += (double)x->data[k] / n;
    }
    for (int64_t k = 0; k < IMAGES * PIXELS; k++)
        variance += ((double)x->data[k] - mean) * ((double)x->data[k] - mean) / n;
    plan.step[0].kernel->forward(&plan.step[0]);
    for (int64_t k = 0; k < IMAGES * PIXELS; k++) {
        const double h = ((double)x->data[k] - mean) / sqrt(variance);
        assert_close((double)y->data[k], h, 1e-5);
        y->grad->data[k] = (vit_real)cos((double)k);
        slope += (double)y->grad->data[k] * h;
    }
    plan.step[1].kernel->forward(&plan.step[1]);
    assert_close((double)given[0]->grad->data[0], slope, 1e-4);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations_keep_limits_and_nan),
        cmocka_unit_test(test_relu_passes_nan_back),
        cmocka_unit_test(test_batch_norm_far_from_zero_keeps_its_digits),
        cmocka_unit_test(test_gelu_keeps_digits_in_the_negative_tail),
        cmocka_unit_test(test_softmax_gives_nothing_to_masked_elements),
        cmocka_unit_test(test_softmax_of_nan_or_nothing_is_nan),
        cmocka_unit_test(test_layer_norm_of_rows_far_from_zero_keeps_the_variance),
        cmocka_unit_test(test_mean_of_a_long_row_loses_no_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
