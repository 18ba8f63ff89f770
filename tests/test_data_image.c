/* SPDX-License-Identifier: MIT */
/* Decoding of JPEG and PNG, compared with PIL (tests/fixtures/images/expected.h), and broken files. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/data/image.h"
#include "tests/fixtures/images/expected.h"

#define FOLDER "tests/fixtures/images/"

static uint64_t hash(const struct vit_image *image)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < 3 * (size_t)image->width * (size_t)image->height; i++)
        value = (value ^ image->rgb[i]) * 0x100000001b3u;
    return value;
}

static void test_image_decodes_as_pil_does(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int width, height;
        long sum;
        uint64_t hash;
    } expected[] = {EXPECTED_DECODED};
    for (size_t f = 0; f < sizeof expected / sizeof expected[0]; f++) {
        struct vit_image image;
        char path[256];
        snprintf(path, sizeof path, FOLDER "%s", expected[f].file);
        assert_ok(vit_image_read(&image, path));
        long sum = 0;
        for (size_t i = 0; i < 3 * (size_t)image.width * (size_t)image.height; i++)
            sum += image.rgb[i];
        if (image.width != expected[f].width || image.height != expected[f].height || sum != expected[f].sum ||
            hash(&image) != expected[f].hash)
            fail_msg("%s: %d x %d, sum %ld, expected %d x %d, sum %ld, or another hash", path, image.width,
                     image.height, sum, expected[f].width, expected[f].height, expected[f].sum);
        vit_image_close(&image);
    }
}

/* The bytes of a fixture; free them. */
static uint8_t *load(const char *name, size_t *size)
{
    char path[256];
    snprintf(path, sizeof path, FOLDER "%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void test_image_reports_every_truncation(void **state)
{
    (void)state;
    static const char *const names[] = {"portrait.jpg", "landscape.jpg", "gray.jpg", "rgb8_interlaced.png",
                                        "palette4.png"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t size;
        uint8_t *bytes = load(names[n], &size);
        struct vit_image image;
        size_t step = size > 2000 ? 37 : 1;
        for (size_t cut = 1; cut < size; cut += step) {
            int status = vit_image_parse(&image, bytes, size - cut, names[n]);
            if (status != VIT_EFORMAT || !strstr(vit_error(), names[n]))
                fail_msg("%s without its last %zu bytes: status %d, %s", names[n], cut, status, vit_error());
            assert_null(image.rgb);
        }
        free(bytes);
    }
}

static void test_image_reports_corrupt_png(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = load("rgb8.png", &size);
    struct vit_image image;
    bytes[size / 2] ^= 0x10;
    assert_fails(vit_image_parse(&image, bytes, size, "x.png"), VIT_EFORMAT, "x.png: broken PNG");
    free(bytes);
}

static void test_image_refuses_huge_sizes(void **state)
{
    (void)state;
    struct vit_image image;
    size_t size;
    uint8_t *bytes = load("gray.jpg", &size);
    for (size_t i = 2; i + 9 < size; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xc0)
            memcpy(bytes + i + 5, (uint8_t[]){0xea, 0x60, 0xea, 0x60}, 4); /* 60000 x 60000 in the frame header */
    assert_fails(vit_image_parse(&image, bytes, size, "huge.jpg"), VIT_EINVAL, "huge.jpg: image of 60000 x 60000");
    free(bytes);
    assert_fails(vit_image_open(&image, 8193, 8192), VIT_EINVAL, "at most 64 megapixels");
    assert_fails(vit_image_open(&image, 0, 4), VIT_EINVAL, "at least 1");
}

static void test_image_reports_other_files(void **state)
{
    (void)state;
    struct vit_image image;
    assert_fails(vit_image_parse(&image, (const uint8_t *)"GIF89a", 6, "a.png"), VIT_EFORMAT,
                 "a.png: neither JPEG nor PNG (starts with 47 49 46 38)");
    assert_fails(vit_image_parse(&image, (const uint8_t *)"", 0, "b.png"), VIT_EFORMAT, "b.png: empty file");
    assert_fails(vit_image_read(&image, "/nonexistent/a.jpg"), VIT_EIO, "/nonexistent/a.jpg: No such file");
    assert_fails(vit_image_read(&image, "tests"), VIT_EIO, "tests: not a regular file");
}

static void test_image_png_survives_writing(void **state)
{
    (void)state;
    struct vit_image image, again;
    char folder[] = "/tmp/vit_image_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/out.png", folder);
    assert_ok(vit_image_read(&image, FOLDER "landscape.jpg"));
    assert_ok(vit_image_write_png(path, &image));
    assert_ok(vit_image_read(&again, path));
    assert_int_equal(again.width, image.width);
    assert_int_equal(again.height, image.height);
    assert_true(hash(&again) == hash(&image));
    vit_image_close(&again);
    unlink(path);
    rmdir(folder); /* fails, and the next write too, unless nothing else lies there */
    assert_int_not_equal(access(folder, F_OK), 0);
    assert_fails(vit_image_write_png(path, &image), VIT_EIO, "No such file");
    assert_fails(vit_image_write_png("/dev/null", &image), VIT_EIO, "not a regular file");
    vit_image_close(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_decodes_as_pil_does), cmocka_unit_test(test_image_reports_every_truncation),
        cmocka_unit_test(test_image_reports_corrupt_png), cmocka_unit_test(test_image_refuses_huge_sizes),
        cmocka_unit_test(test_image_reports_other_files), cmocka_unit_test(test_image_png_survives_writing),
    };
    return cmocka_run_group_tests_name("data/image", tests, NULL, NULL);
}
