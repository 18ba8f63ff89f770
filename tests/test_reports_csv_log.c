/* SPDX-License-Identifier: MIT */
/* CSV files that grow: every row is there at once, and a run that is taken up again keeps those that it knows of. */
#include "reports/csv_log.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>

static const struct vit_column columns[] = {{"step", VIT_INT, "", ""}, {"loss", VIT_REAL, "", ""}};
static const struct vit_schema schema = {"metrics", 1, 2, columns};

static void write_row(struct vit_csv_log *log, int64_t step, double loss)
{
    assert_ok(vit_csv_log_write(log, (struct vit_cell[]){vit_int(step), vit_real_cell(loss)}));
}

static void assert_steps(const char *path, int64_t rows)
{
    struct vit_csv *csv;
    struct vit_cell step;
    assert_ok(vit_csv_open(&csv, path));
    assert_int_equal(vit_csv_rows(csv), rows);
    for (int64_t row = 0; row < rows; row++) {
        assert_ok(vit_csv_int(csv, row, 0, &step));
        assert_int_equal(step.i, row + 1);
    }
    vit_csv_close(csv);
}

static void test_csv_log_rows_are_there_while_it_grows(void **state)
{
    (void)state;
    const char *path = program_path("grows.csv");
    struct vit_csv_log log;
    assert_ok(vit_csv_log_open(&log, path, &schema, 0));
    for (int64_t step = 1; step <= 3; step++) {
        write_row(&log, step, 0.1);
        assert_steps(path, step);
    }
    assert_ok(vit_csv_log_sync(&log));
    vit_csv_log_close(&log);
    vit_csv_log_close(&log);
}

static void test_csv_log_goes_on_behind_the_rows_that_are_known(void **state)
{
    (void)state;
    const char *path = program_path("cut.csv");
    struct vit_csv_log log;
    program_write("cut.csv", "step,loss\n1,0.5\n2,0.25\n7,1\n8,");
    assert_ok(vit_csv_log_open(&log, path, &schema, 2));
    assert_steps(path, 2);
    write_row(&log, 3, 0.125);
    vit_csv_log_close(&log);
    assert_steps(path, 3);
    assert_ok(vit_csv_log_open(&log, path, &schema, 0));
    write_row(&log, 1, 1);
    vit_csv_log_close(&log);
    assert_steps(path, 1);
}

static void test_csv_log_refuses_what_it_did_not_write(void **state)
{
    (void)state;
    const char *path = program_path("other.csv");
    struct vit_csv_log log;
    program_write("other.csv", "step,lost\n1,2\n");
    assert_fails(vit_csv_log_open(&log, path, &schema, 1), VIT_EFORMAT, "is not the metrics.csv");
    program_write("other.csv", "step,loss,more\n1,2,3\n");
    assert_fails(vit_csv_log_open(&log, path, &schema, 1), VIT_EFORMAT, "is not the metrics.csv");
    program_write("other.csv", "");
    assert_fails(vit_csv_log_open(&log, path, &schema, 1), VIT_EFORMAT, "is not the metrics.csv");
    program_write("other.csv", "step,loss\n1,2\n2,");
    assert_fails(vit_csv_log_open(&log, path, &schema, 2), VIT_EFORMAT, "has only 1 rows of the 2");
    assert_fails(vit_csv_log_open(&log, "/nonexistent/x.csv", &schema, 0), VIT_EIO, "/nonexistent/x.csv");
}

static void test_csv_log_tells_a_full_disk(void **state)
{
    (void)state;
    struct vit_csv_log log;
    assert_ok(vit_csv_log_open(&log, "/dev/full", &schema, 0));
    assert_fails(vit_csv_log_write(&log, (struct vit_cell[]){vit_int(1), vit_absent()}), VIT_EIO,
                 "/dev/full: cannot be written: No space left on device");
    vit_csv_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_log_rows_are_there_while_it_grows),
        cmocka_unit_test(test_csv_log_goes_on_behind_the_rows_that_are_known),
        cmocka_unit_test(test_csv_log_refuses_what_it_did_not_write),
        cmocka_unit_test(test_csv_log_tells_a_full_disk),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
