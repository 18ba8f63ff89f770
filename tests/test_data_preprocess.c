/* SPDX-License-Identifier: MIT */
/* The ImageNet preprocessing, compared with timm's transform (tests/fixtures/images/expected.h). */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/data/preprocess.h"
#include "tests/fixtures/images/expected.h"

/* Values reach 2.7, where a float has steps of 2.4e-7; timm computes in float, the double build rounds elsewhere. */
#define TOLERANCE 1e-6

/* The formula of tests/fixtures/images/make.py. */
static void make_pattern(struct vit_image *image, int width, int height)
{
    assert_ok(vit_image_open(image, width, height));
    uint8_t *rgb = image->rgb;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *rgb++ = (uint8_t)(x * 7 + y * 13 + c * 29 + ((x * x + 3 * y * y + x * y * (c + 1)) >> 4));
}

struct expectation {
    const char *file;
    int width, height;
    struct vit_preprocess preprocess;
    double mean, mean_square, samples[8];
};

static void check(const struct expectation *expected)
{
    struct vit_image image;
    char path[256];
    if (expected->file) {
        snprintf(path, sizeof path, "tests/fixtures/images/%s", expected->file);
        assert_ok(vit_image_read(&image, path));
    } else
        make_pattern(&image, expected->width, expected->height);
    size_t size = 3 * (size_t)expected->preprocess.size * (size_t)expected->preprocess.size;
    vit_real *out = malloc(size * sizeof *out);
    assert_non_null(out);
    assert_ok(vit_preprocess_image(&image, &expected->preprocess, out));
    double sum = 0.0, sum_square = 0.0;
    for (size_t i = 0; i < size; i++) {
        sum += (double)out[i];
        sum_square += (double)out[i] * (double)out[i];
    }
    assert_close(sum / (double)size, expected->mean, TOLERANCE);
    assert_close(sum_square / (double)size, expected->mean_square, TOLERANCE);
    for (size_t i = 0; i < 8; i++)
        assert_close(out[(i * 7919 + 31) % size], expected->samples[i], TOLERANCE);
    free(out);
    vit_image_close(&image);
}

static void test_preprocess_equals_timm(void **state)
{
    (void)state;
    static const struct expectation expected[] = {EXPECTED_PREPROCESSED};
    for (size_t e = 0; e < sizeof expected / sizeof expected[0]; e++)
        check(&expected[e]);
}

static const struct vit_preprocess plain = {.size = 4,
                                            .crop_percentage = 1.0,
                                            .interpolation = VIT_INTERPOLATION_BICUBIC,
                                            .crop_mode = VIT_CROP_CENTER,
                                            .mean = {0.0, 0.0, 0.0},
                                            .std = {1.0, 1.0, 1.0}};

/* Python rounds halves to even: margins of 1, 3, 5 pixels begin at 0, 2, 2. */
static void test_preprocess_crops_where_python_rounds(void **state)
{
    (void)state;
    static const int margins[] = {1, 2, 3, 4, 5, 7}, starts[] = {0, 1, 2, 2, 2, 4};
    for (size_t m = 0; m < sizeof margins / sizeof margins[0]; m++) {
        struct vit_image image;
        vit_real out[3 * 4 * 4];
        assert_ok(vit_image_open(&image, 4 + margins[m], 4));
        for (int i = 0; i < 3 * image.width * 4; i++)
            image.rgb[i] = (uint8_t)(i / 3 % image.width);
        assert_ok(vit_preprocess_image(&image, &plain, out));
        assert_close(out[0], starts[m] / 255.0, TOLERANCE);
        vit_image_close(&image);
    }
}

static void test_preprocess_reports_bad_settings(void **state)
{
    (void)state;
    struct vit_image image;
    vit_real out[3 * 4 * 4];
    make_pattern(&image, 8, 8);
    struct vit_preprocess bad = plain;
    bad.size = 0;
    assert_fails(vit_preprocess_image(&image, &bad, out), VIT_EINVAL, "size 0");
    bad = plain;
    bad.crop_percentage = 87.5;
    assert_fails(vit_preprocess_image(&image, &bad, out), VIT_EINVAL, "crop percentage 87.5");
    bad = plain;
    bad.std[1] = 0.0;
    assert_fails(vit_preprocess_image(&image, &bad, out), VIT_EINVAL, "channel 1");
    vit_image_close(&image);
    assert_ok(vit_image_open(&image, 1, 64 * 1024 * 1024));
    assert_fails(vit_preprocess_image(&image, &plain, out), VIT_EINVAL, "too long and thin");
    vit_image_close(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preprocess_equals_timm),
        cmocka_unit_test(test_preprocess_crops_where_python_rounds),
        cmocka_unit_test(test_preprocess_reports_bad_settings),
    };
    return cmocka_run_group_tests_name("data/preprocess", tests, NULL, NULL);
}
