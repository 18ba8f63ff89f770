/* SPDX-License-Identifier: MIT */
/* test_weights_grid_resize.c - resizing against torch 2.15 and timm 1.0.31 in float32. The sources are the generator's
 * tensors of the given name and shape with seed 1; sums, norms and values come from
 *   resample_abs_pos_embed(x, [s, s], num_prefix_tokens=2)                        (pos_embed, grid part)
 *   resize_rel_pos_bias_table(x, (w, w), ((2*w-1)**2, 2))                         (relative_position_bias_table)
 *   interpolate(x.view(1, 2, r, r), size=(s, s), mode="bicubic", align_corners=False)   (attention_biases). */
#include "tests/support/test.h"

#include <stdlib.h>

#include "model/weights/generate.h"
#include "model/weights/grid_resize.h"

/* Values are below 1; the reference computes in float32 with sums of at most 10 x 10 terms. */
static const double tolerance = 2e-6;

static const struct {
    const char *name;
    int ndim;
    int64_t dim[3], prefix; /* of the source */
    struct vit_grid_resize resize;
    double sum, l2, strided[8]; /* of the target with the prefix; elements floor((2j + 1) n / 16) */
} cases[] = {
    {"pos_embed",
     3,
     {1, 18, 3},
     2,
     {VIT_GRID_CUBIC_ANTIALIAS, 1, 3, 4, 6},
     -1.8455069,
     1.09136943,
     {0.0526901633, 0.192183748, -0.00344609655, -0.0601586699, -0.174274758, -0.037367437, -0.0979697779, 0.20925121}},
    {"pos_embed",
     3,
     {1, 51, 3},
     2,
     {VIT_GRID_CUBIC_ANTIALIAS, 1, 3, 7, 3},
     0.0412117242,
     0.244454799,
     {-0.000640168844, -0.0264850333, -0.0384403467, -0.0336301178, 0.0169966575, 0.0309036113, -0.000635977602,
      -0.0107528986}},
    {"relative_position_bias_table",
     2,
     {25, 2},
     0,
     {VIT_GRID_GEOMETRIC_LINEAR, 1, 2, 5, 9},
     -9.44202352,
     3.4340105,
     {0.152012989, -0.272785157, -0.42703861, -0.310747981, -0.085959442, -0.305666447, -0.224502593, 0.157532394}},
    {"relative_position_bias_table",
     2,
     {81, 2},
     0,
     {VIT_GRID_GEOMETRIC_LINEAR, 1, 2, 9, 5},
     -2.59026062,
     1.86119539,
     {0.156600177, 0.115837507, 0.18770723, -0.390056103, 0.0843205154, 0.44646886, -0.421449751, -0.26653868}},
    {"relative_position_bias_table",
     2,
     {169, 2},
     0,
     {VIT_GRID_GEOMETRIC_LINEAR, 1, 2, 13, 23},
     -5.09238819,
     6.90965086,
     {-0.419522852, -0.0249875728, 0.160921067, -0.130716264, 0.0894715711, -0.199548811, -0.078279458, 0.0854537711}},
    {"attention_biases",
     2,
     {2, 16},
     0,
     {VIT_GRID_CUBIC, 2, 1, 4, 7},
     3.78147638,
     2.43772942,
     {-0.502197385, -0.277855426, 0.334000736, -0.240962967, -0.0625431389, 0.15999189, -0.0203334372, 0.215833455}},
    {"attention_biases",
     2,
     {2, 49},
     0,
     {VIT_GRID_CUBIC, 2, 1, 7, 5},
     3.14034244,
     1.61384741,
     {-0.155695081, 0.296312809, 0.127368331, 0.123598516, -0.138721526, 0.452965975, 0.0133289807, 0.0133658731}},
};

static void check_case(size_t i)
{
    struct vit_tensor tensor = {.name = cases[i].name, .ndim = cases[i].ndim};
    memcpy(tensor.dim, cases[i].dim, sizeof cases[i].dim);
    const struct vit_grid_resize *resize = &cases[i].resize;
    int64_t kept = cases[i].prefix * resize->inner;
    int64_t n = kept + resize->outer * resize->target_side * resize->target_side * resize->inner;
    vit_real *source = malloc(vit_nbytes(&tensor)), *target = malloc((size_t)n * sizeof *target);
    assert_true(source && target);
    vit_generate_tensor(&tensor, 1, source);
    memcpy(target, source, (size_t)kept * sizeof *target);
    assert_ok(vit_grid_resize(resize, source + kept, target + kept));
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double)target[k];
        squares += (double)target[k] * (double)target[k];
    }
    assert_close(sum, cases[i].sum, tolerance * (double)n);
    assert_close(sqrt(squares), cases[i].l2, tolerance * 10);
    for (int j = 0; j < 8; j++)
        assert_close(target[(2 * j + 1) * n / 16], cases[i].strided[j], tolerance);
    free(source);
    free(target);
}

static void test_grid_resize_matches_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(i);
}

static void test_grid_resize_keeps_a_constant(void **state)
{
    (void)state;
    for (int method = VIT_GRID_CUBIC; method <= VIT_GRID_GEOMETRIC_LINEAR; method++) {
        vit_real source[25], target[121];
        for (int i = 0; i < 25; i++)
            source[i] = 3;
        struct vit_grid_resize resize = {(enum vit_grid_method)method, 1, 1, 5, 11};
        assert_ok(vit_grid_resize(&resize, source, target));
        for (int i = 0; i < 121; i++)
            assert_close(target[i], 3, tolerance);
    }
}

static void test_grid_resize_to_the_same_side_is_a_copy(void **state)
{
    (void)state;
    vit_real source[49], target[49];
    vit_generate_input(1, 49, source);
    for (int method = VIT_GRID_CUBIC; method <= VIT_GRID_CUBIC_ANTIALIAS; method++) {
        struct vit_grid_resize resize = {(enum vit_grid_method)method, 1, 1, 7, 7};
        assert_ok(vit_grid_resize(&resize, source, target));
        for (int i = 0; i < 49; i++)
            assert_close(target[i], source[i], tolerance);
    }
}

static void test_grid_resize_from_one_point(void **state)
{
    (void)state;
    for (int method = VIT_GRID_CUBIC; method <= VIT_GRID_GEOMETRIC_LINEAR; method++) {
        vit_real source[1] = {2}, target[9];
        struct vit_grid_resize resize = {(enum vit_grid_method)method, 1, 1, 1, 3};
        assert_ok(vit_grid_resize(&resize, source, target));
        for (int i = 0; i < 9; i++)
            assert_close(target[i], 2, tolerance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid_resize_matches_the_reference),
        cmocka_unit_test(test_grid_resize_keeps_a_constant),
        cmocka_unit_test(test_grid_resize_to_the_same_side_is_a_copy),
        cmocka_unit_test(test_grid_resize_from_one_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
