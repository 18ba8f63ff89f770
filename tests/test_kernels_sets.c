/* SPDX-License-Identifier: MIT */
/* Every instruction set that this processor runs: all operator cases with each that test_model_ops does not run, and
 * the kernels alone where a case does not reach their edges. vit_kernels() is this program's own, so that it can
 * choose. */
#define vit_kernels vit_kernels_best
#include "model/kernel_set.c" /* NOLINT(bugprone-suspicious-include): one of its functions is replaced */
#undef vit_kernels

#include "model/kernels/layer_norm.h"
#include "tests/support/op_case.h"
#include "tests/support/op_check.h"
#include "tests/support/test.h"

#include <float.h>

static const struct vit_kernel_set *chosen;

const struct vit_kernel_set *vit_kernels(void);

const struct vit_kernel_set *vit_kernels(void)
{
    return chosen ? chosen : vit_kernels_best();
}

#ifdef VIT_REAL_DOUBLE
static const double epsilon = DBL_EPSILON, smallest = DBL_MIN;
#else
static const double epsilon = FLT_EPSILON, smallest = FLT_MIN;
#endif

static void test_sets_list_ends_with_generic(void **state)
{
    (void)state;
    const struct vit_kernel_set *last = NULL;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++)
        last = *at;
    assert_non_null(last);
    assert_string_equal(last->isa, "generic");
    assert_ptr_equal(vit_kernels_best(), vit_kernel_sets()[0]);
}

/* The first set is the one that test_model_ops runs. */
static void test_sets_run_all_operator_cases(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets() + 1; *at; at++) {
        chosen = *at;
        for (int i = 0; i < vit_n_op_cases; i++) {
            vit_op_check(&vit_op_cases[i]);
        }
    }
    chosen = NULL;
}

/* Relative to the larger of the result and the smallest normal number. */
static void check_relative(const struct vit_kernel_set *set, double got, double want, double tolerance, double x)
{
    if (!(fabs(got - want) <= tolerance * epsilon * fabs(want) + smallest))
        fail_msg("set %s: %.17g at %.9g, expected %.17g", set->isa, got, x, want);
}

enum { SWEEP = 4001, MIDDLE = SWEEP / 2 };

/* -120 .. 120: into underflow on both sides; SWEEP is odd, so that the last vector is part empty. */
static void sweep(vit_real x[SWEEP])
{
    for (int i = 0; i < SWEEP; i++)
        x[i] = (vit_real)((i - MIDDLE) * 0.06);
}

static void test_sets_sigmoid_and_gelu_keep_their_tails(void **state)
{
    (void)state;
    vit_real x[SWEEP], y[SWEEP];
    sweep(x);
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++) {
        (*at)->sigmoid(y, x, SWEEP);
        for (int i = 0; i < SWEEP; i++) /* 8: exponential, addition and division */
            check_relative(*at, (double)y[i], 1 / (1 + exp(-(double)x[i])), 8, (double)x[i]);
        (*at)->gelu(y, x, SWEEP);
        for (int i = 0; i < SWEEP; i++) { /* 2 x^2: a rounded argument, here and in the kernel, moves the tail */
            double v = (double)x[i];
            check_relative(*at, (double)y[i], 0.5 * v * erfc(-v / sqrt(2)), 8 + 2 * v * v, v);
        }
    }
}

static void test_sets_relu_keeps_nan_and_clears_negatives(void **state)
{
    (void)state;
    vit_real x[SWEEP], y[SWEEP];
    sweep(x);
    x[3] = (vit_real)NAN;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++) {
        (*at)->relu(y, x, SWEEP);
        for (int i = 0; i < SWEEP; i++)
            if (i == 3)
                assert_true(isnan(y[i]));
            else
                assert_true(y[i] == (x[i] > 0 ? x[i] : 0));
    }
}

/* Rows far from zero, and with the -100 of a window mask: no overflow, sums of 1. */
static void test_sets_softmax_survives_large_and_masked_rows(void **state)
{
    (void)state;
    enum { N = 49 };
    vit_real x[3 * N], y[3 * N];
    for (int i = 0; i < 3 * N; i++)
        x[i] = (vit_real)(0.37 * (i % 11)) + (vit_real)(i < N ? 10000 : i < 2 * N ? -10000 : i % 3 ? -100 : 0);
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++) {
        (*at)->softmax_rows(y, x, 3, N);
        for (int row = 0; row < 3; row++) {
            double high = -INFINITY, sum = 0;
            for (int i = row * N; i < (row + 1) * N; i++)
                high = fmax(high, (double)x[i]);
            for (int i = row * N; i < (row + 1) * N; i++)
                sum += exp((double)x[i] - high);
            for (int i = row * N; i < (row + 1) * N; i++) /* the argument's rounding, and that of sum and quotient */
                check_relative(*at, (double)y[i], exp((double)x[i] - high) / sum, 16 + 2 * (high - (double)x[i]),
                               (double)x[i]);
        }
    }
}

/* A row far from zero in units of its deviation: the variance must not be a difference of large squares. */
static void test_sets_layer_norm_of_rows_far_from_zero(void **state)
{
    (void)state;
    enum { N = 96 };
    vit_real x[N], y[N], weight[N], bias[N];
    for (int i = 0; i < N; i++) {
        x[i] = (vit_real)(1000 + i % 7);
        weight[i] = 1;
        bias[i] = 0;
    }
    double mean = 0, variance = 0;
    for (int i = 0; i < N; i++)
        mean += (double)x[i] / N;
    for (int i = 0; i < N; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / N;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++) {
        (*at)->layer_norm_rows(y, x, &(struct vit_layer_norm){weight, bias, 1e-5}, 1, N);
        for (int i = 0; i < N; i++) /* a mean rounded at 1000, by a deviation of 2 */
            assert_close(y[i], ((double)x[i] - mean) / sqrt(variance + 1e-5), 1000 * epsilon);
    }
}

/* Any size up to two lines and a bit, rows with space between them: exact, and nothing written beside. */
static void test_sets_transpose_every_small_size(void **state)
{
    (void)state;
    enum { MOST = 37, X_STRIDE = MOST + 2, Y_STRIDE = MOST + 3 };
    static vit_real x[MOST * X_STRIDE], y[MOST * Y_STRIDE];
    for (int i = 0; i < MOST * X_STRIDE; i++)
        x[i] = (vit_real)i;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++)
        for (int rows = 1; rows <= MOST; rows++)
            for (int columns = 1; columns <= MOST; columns++) {
                for (int i = 0; i < MOST * Y_STRIDE; i++)
                    y[i] = -1;
                (*at)->transpose(y, x, (int64_t[2]){rows, columns}, Y_STRIDE, X_STRIDE);
                for (int j = 0; j < MOST; j++)
                    for (int i = 0; i < Y_STRIDE; i++) {
                        vit_real want = i < rows && j < columns ? x[i * X_STRIDE + j] : (vit_real)-1;
                        if (y[j * Y_STRIDE + i] != want)
                            fail_msg("set %s: %d x %d: element (%d, %d)", (*at)->isa, rows, columns, j, i);
                    }
            }
}

static void test_sets_copy_runs_of_every_length(void **state)
{
    (void)state;
    enum { MOST = 600, ROOM = 2 * 3 * (MOST + 4) };
    static vit_real x[ROOM], y[ROOM];
    for (int i = 0; i < ROOM; i++)
        x[i] = (vit_real)i;
    for (const struct vit_kernel_set *const *at = vit_kernel_sets(); *at; at++)
        for (int run = 1; run <= MOST; run += run < 70 ? 1 : 53) {
            int64_t y_stride[2] = {3 * (run + 4), run + 4}, x_stride[2] = {run + 1, 2 * (run + 1)};
            for (int i = 0; i < ROOM; i++)
                y[i] = -1;
            (*at)->copy_runs(y, x, (int64_t[3]){2, 3, run}, y_stride, x_stride);
            for (int64_t i = 0; i < 2 * y_stride[0]; i++) {
                int64_t a = i / y_stride[0], b = i % y_stride[0] / y_stride[1], k = i % y_stride[1];
                vit_real want = k < run ? x[a * x_stride[0] + b * x_stride[1] + k] : (vit_real)-1;
                if (y[i] != want)
                    fail_msg("set %s: runs of %d: element %lld of run (%lld, %lld)", (*at)->isa, run, (long long)k,
                             (long long)a, (long long)b);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_list_ends_with_generic),
        cmocka_unit_test(test_sets_run_all_operator_cases),
        cmocka_unit_test(test_sets_sigmoid_and_gelu_keep_their_tails),
        cmocka_unit_test(test_sets_relu_keeps_nan_and_clears_negatives),
        cmocka_unit_test(test_sets_softmax_survives_large_and_masked_rows),
        cmocka_unit_test(test_sets_layer_norm_of_rows_far_from_zero),
        cmocka_unit_test(test_sets_transpose_every_small_size),
        cmocka_unit_test(test_sets_copy_runs_of_every_length),
    };
    return cmocka_run_group_tests_name("kernels_sets", tests, NULL, NULL);
}
