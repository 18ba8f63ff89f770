/* SPDX-License-Identifier: MIT */
/* Files of results appear whole or not at all, and a failed write names the file. */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/atomic_file.h"
#include "reports/json.h"
#include "reports/sink.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/vit_atomic_XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    while (readdir(listing))
        n++;
    closedir(listing);
    return n - 2; /* . and .. */
}

static void assert_contents(const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void put_contents(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_atomic_file_appears_only_when_closed(void **state)
{
    (void)state;
    struct vit_atomic_file out;
    assert_ok(vit_atomic_open(&out, path));
    fputs("new", out.file);
    fflush(out.file);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_ok(vit_atomic_close(&out));
    assert_contents("new");
    assert_int_equal(files_in_folder(), 1);
}

static void test_atomic_abort_leaves_no_file(void **state)
{
    (void)state;
    struct vit_atomic_file out;
    assert_ok(vit_atomic_open(&out, path));
    fputs("half", out.file);
    vit_atomic_abort(&out);
    vit_atomic_abort(&out); /* a second time does nothing */
    assert_int_equal(files_in_folder(), 0);
}

static void test_atomic_abort_keeps_the_file_that_was_there(void **state)
{
    (void)state;
    put_contents("old");
    assert_int_equal(chmod(path, 0640), 0);
    struct vit_atomic_file out;
    assert_ok(vit_atomic_open(&out, path));
    fputs("half", out.file);
    vit_atomic_abort(&out);
    assert_contents("old");
    assert_int_equal(files_in_folder(), 1);

    assert_ok(vit_atomic_open(&out, path));
    fputs("new", out.file);
    assert_ok(vit_atomic_close(&out));
    struct stat there;
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0640);
    assert_contents("new");
}

/* A stream that cannot take more: its descriptor is swapped for the full device. */
static void test_atomic_disk_full_keeps_the_file_that_was_there(void **state)
{
    (void)state;
    put_contents("old");
    struct vit_atomic_file out;
    assert_ok(vit_atomic_open(&out, path));
    FILE *full = fopen("/dev/full", "w");
    if (!full) {
        vit_atomic_abort(&out);
        skip();
    }
    dup2(fileno(full), fileno(out.file));
    fclose(full);
    fputs("new", out.file);
    assert_fails(vit_atomic_close(&out), VIT_EIO, "rows.csv: cannot be written: No space left on device");
    assert_contents("old");
    assert_int_equal(files_in_folder(), 1);
}

static void test_atomic_link_survives_and_its_target_is_rewritten(void **state)
{
    (void)state;
    char link[128];
    snprintf(link, sizeof link, "%s/link", folder);
    put_contents("old");
    assert_int_equal(symlink(path, link), 0);
    struct vit_atomic_file out;
    assert_ok(vit_atomic_open(&out, link));
    fputs("new", out.file);
    assert_ok(vit_atomic_close(&out));
    assert_contents("new");
    struct stat there;
    assert_int_equal(lstat(link, &there), 0);
    assert_true(S_ISLNK(there.st_mode));
    unlink(link);
}

static void test_atomic_unwritable_places_are_named(void **state)
{
    (void)state;
    struct vit_atomic_file out;
    assert_fails(vit_atomic_open(&out, "/nonexistent/rows.csv"), VIT_EIO, "/nonexistent/rows.csv");
    assert_fails(vit_atomic_open(&out, folder), VIT_EIO, "is a folder");
    assert_fails(vit_atomic_open(&out, "/proc/rows.csv"), VIT_EIO, "/proc/rows.csv: cannot be written");
}

static const struct vit_column column = {"n", VIT_INT, "", ""};
static const struct vit_schema schema = {"test", 1, 1, &column};

static void test_sink_of_every_form_fails_on_a_full_device(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    struct stat before, after;
    assert_int_equal(stat("/dev/full", &before), 0);
    for (int i = 0; vit_sink_at(i); i++) {
        struct vit_sink sink;
        assert_ok(vit_sink_open(&sink, vit_sink_at(i), &schema, &(struct vit_sink_target){.path = "/dev/full"}));
        int status = VIT_OK;
        for (int row = 0; row < 100000 && status == VIT_OK; row++)
            status = vit_sink_write(&sink, (struct vit_cell[]){vit_int(row)});
        if (status == VIT_OK)
            status = vit_sink_close(&sink);
        assert_fails(status, VIT_EIO, "/dev/full: cannot be written: No space left on device");
        vit_sink_abort(&sink);
    }
    assert_int_equal(stat("/dev/full", &after), 0);
    assert_true(S_ISCHR(after.st_mode) && after.st_ino == before.st_ino); /* not renamed over */
}

static void test_sink_abort_leaves_no_file(void **state)
{
    (void)state;
    for (int i = 0; vit_sink_at(i); i++) {
        struct vit_sink sink;
        assert_ok(vit_sink_open(&sink, vit_sink_at(i), &schema, &(struct vit_sink_target){.path = path}));
        assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(1)}));
        vit_sink_abort(&sink);
        assert_int_equal(files_in_folder(), 0);
    }
}

static void test_sink_full_standard_output_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    struct vit_sink sink;
    assert_ok(vit_sink_open(&sink, vit_sink_at(0), &schema, &(struct vit_sink_target){.stream = full}));
    assert_ok(vit_sink_write(&sink, (struct vit_cell[]){vit_int(1)}));
    assert_fails(vit_sink_close(&sink), VIT_EIO, "standard output: cannot be written: No space");
    fclose(full);
}

static void test_sink_unknown_form_lists_those_there_are(void **state)
{
    (void)state;
    const struct vit_sink_def *def;
    assert_fails(vit_sink_find(&def, "xml"), VIT_EINVAL, "format xml is unknown: there are csv, json, table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_atomic_file_appears_only_when_closed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_atomic_abort_leaves_no_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_atomic_abort_keeps_the_file_that_was_there, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_atomic_disk_full_keeps_the_file_that_was_there, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_atomic_link_survives_and_its_target_is_rewritten, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_atomic_unwritable_places_are_named, make_folder, remove_folder),
        cmocka_unit_test(test_sink_of_every_form_fails_on_a_full_device),
        cmocka_unit_test_setup_teardown(test_sink_abort_leaves_no_file, make_folder, remove_folder),
        cmocka_unit_test(test_sink_full_standard_output_is_an_error),
        cmocka_unit_test(test_sink_unknown_form_lists_those_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
