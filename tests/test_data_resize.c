/* SPDX-License-Identifier: MIT */
/* Resampling, bit for bit against PIL (tests/fixtures/images/expected.h). */
#include "tests/support/test.h"

#include "model/data/resize.h"
#include "tests/fixtures/images/expected.h"

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

static void test_resize_equals_pil_bit_for_bit(void **state)
{
    (void)state;
    static const struct {
        int width, height, new_width, new_height;
        enum vit_interpolation interpolation;
        long sum;
        uint64_t hash;
    } expected[] = {EXPECTED_RESIZED};
    for (size_t e = 0; e < sizeof expected / sizeof expected[0]; e++) {
        struct vit_image source, result;
        make_pattern(&source, expected[e].width, expected[e].height);
        struct vit_resize resize = {.width = expected[e].new_width,
                                    .height = expected[e].new_height,
                                    .interpolation = expected[e].interpolation};
        assert_ok(vit_image_resize(&result, &source, &resize));
        uint64_t hash = 0xcbf29ce484222325u;
        long sum = 0;
        for (size_t i = 0; i < 3 * (size_t)result.width * (size_t)result.height; i++) {
            hash = (hash ^ result.rgb[i]) * 0x100000001b3u;
            sum += result.rgb[i];
        }
        if (sum != expected[e].sum || hash != expected[e].hash)
            fail_msg("%d x %d to %d x %d, filter %d: sum %ld, expected %ld", source.width, source.height, result.width,
                     result.height, (int)expected[e].interpolation, sum, expected[e].sum);
        vit_image_close(&result);
        vit_image_close(&source);
    }
}

static void check_window(const struct vit_image *source, struct vit_resize resize)
{
    struct vit_image whole, part;
    struct vit_resize all = {.width = resize.width, .height = resize.height, .interpolation = resize.interpolation};
    assert_ok(vit_image_resize(&whole, source, &all));
    assert_ok(vit_image_resize(&part, source, &resize));
    for (int y = 0; y < part.height; y++)
        assert_memory_equal(part.rgb + 3 * y * part.width,
                            whole.rgb + 3 * ((y + resize.top) * whole.width + resize.left), 3 * (size_t)part.width);
    vit_image_close(&part);
    vit_image_close(&whole);
}

static void test_resize_window_equals_cropping(void **state)
{
    (void)state;
    struct vit_image source;
    make_pattern(&source, 61, 83);
    /* rows first, columns first, up, down to the last corner */
    check_window(&source, (struct vit_resize){40, 60, VIT_INTERPOLATION_BICUBIC, 5, 7, 20, 31});
    check_window(&source, (struct vit_resize){60, 30, VIT_INTERPOLATION_BICUBIC, 5, 7, 20, 11});
    check_window(&source, (struct vit_resize){140, 160, VIT_INTERPOLATION_BILINEAR, 33, 9, 77, 64});
    check_window(&source, (struct vit_resize){17, 23, VIT_INTERPOLATION_BICUBIC, 16, 22, 1, 1});
    vit_image_close(&source);
}

static void test_resize_to_the_same_size_copies(void **state)
{
    (void)state;
    struct vit_image source, result;
    make_pattern(&source, 19, 11);
    assert_ok(vit_image_resize(&result, &source, &(struct vit_resize){19, 11, VIT_INTERPOLATION_BICUBIC, 0, 0, 0, 0}));
    assert_memory_equal(result.rgb, source.rgb, 3 * 19 * 11);
    vit_image_close(&result);
    vit_image_close(&source);
}

static void test_resize_reports_impossible_sizes(void **state)
{
    (void)state;
    struct vit_image source, result;
    make_pattern(&source, 4, 4);
    struct vit_resize resize = {.width = 0, .height = 5};
    assert_fails(vit_image_resize(&result, &source, &resize), VIT_EINVAL, "sides must be 1 to");
    resize = (struct vit_resize){.width = 8, .height = 8, .left = 5, .window_width = 4, .window_height = 4};
    assert_fails(vit_image_resize(&result, &source, &resize), VIT_EINVAL, "is not inside");
    resize = (struct vit_resize){.width = 20000, .height = 20000};
    assert_fails(vit_image_resize(&result, &source, &resize), VIT_EINVAL, "megapixels");
    assert_null(result.rgb);
    vit_image_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_equals_pil_bit_for_bit),
        cmocka_unit_test(test_resize_window_equals_cropping),
        cmocka_unit_test(test_resize_to_the_same_size_copies),
        cmocka_unit_test(test_resize_reports_impossible_sizes),
    };
    return cmocka_run_group_tests_name("data/resize", tests, NULL, NULL);
}
