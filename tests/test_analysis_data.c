/* SPDX-License-Identifier: MIT */
/* `vitscope data`: rows of classes, statistics, contact sheets, messages. */
#include "model/data/image.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct program_run run;

static void test_data_prints_classes(void **state)
{
    (void)state;
    program_start(&run, "data synthetic:25 --format csv");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "class,name,images,share_pct\n0,,3,12\n"));
    assert_non_null(strstr(run.output, "\n9,,2,8\n"));
    program_start(&run, "data tests/fixtures/images/gray8.png");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "1 images without classes\n23 pixels wide, 17 pixels high\n"));
    program_start(&run, "data tests/fixtures/images/gray8.png --format csv");
    assert_non_null(strstr(run.output, "\n,,1,100\n"));
}

/* Mean and deviation of the file's 23 x 17 gray values, by NumPy. */
static void test_data_statistics_are_of_all_pixels(void **state)
{
    (void)state;
    program_start(&run, "data tests/fixtures/images/gray8.png --stats");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "mean 0.4881 0.4881 0.4881, std 0.2827 0.2827 0.2827\n"));
}

static void test_data_sheet_is_drawn_by_the_seed(void **state)
{
    (void)state;
    char path[3][64];
    struct vit_image image[3];
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "/tmp/vit_sheet_%d_%d.png", (int)getpid(), i);
        program_start(&run, "data synthetic:30 --img 32 --seed %d --sheet %s", 1 + i / 2, path[i]);
        assert_int_equal(run.exit_code, 0);
        assert_ok(vit_image_read(&image[i], path[i]));
        assert_int_equal(image[i].width, 4 + 9 * 36);
        assert_int_equal(image[i].height, 4 + 12 * 36);
    }
    const size_t bytes = 3 * (size_t)image[0].width * (size_t)image[0].height;
    assert_memory_equal(image[0].rgb, image[1].rgb, bytes);
    assert_memory_not_equal(image[0].rgb, image[2].rgb, bytes);
    for (int i = 0; i < 3; i++) {
        vit_image_close(&image[i]);
        unlink(path[i]);
    }
}

static void test_data_reports_bad_input(void **state)
{
    (void)state;
    program_start(&run, "data synthetic:30 --augment papr --sheet /tmp/never.png");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "--augment: augmentation papr: not known; there are none, crop-flip"));
    program_start(&run, "data synthetic:30 --sheet /nonexistent/x.png");
    assert_int_equal(run.exit_code, 1);
    assert_non_null(strstr(run.error, "/nonexistent/x.png"));
    program_start(&run, "data nosuch");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "nosuch: no such file or folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_prints_classes),
        cmocka_unit_test(test_data_statistics_are_of_all_pixels),
        cmocka_unit_test(test_data_sheet_is_drawn_by_the_seed),
        cmocka_unit_test(test_data_reports_bad_input),
    };
    return cmocka_run_group_tests_name("analysis/data", tests, NULL, NULL);
}
