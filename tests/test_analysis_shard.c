/* SPDX-License-Identifier: MIT */
/* Shards of a list, and their tables put together again. */
#include "analysis/shard.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_shards_take_every_item_once(void **state)
{
    (void)state;
    for (int count = 1; count <= 7; count++)
        for (int item = 0; item < 20; item++) {
            int takers = 0;
            for (int index = 0; index < count; index++)
                takers += vit_shard_has((struct vit_shard){index, count}, item);
            assert_int_equal(takers, 1);
        }
    assert_true(vit_shard_has((struct vit_shard){0, 0}, 5)); /* not given: all */
}

static void test_shards_are_numbered_from_0(void **state)
{
    (void)state;
    struct vit_shard shard;
    assert_ok(vit_shard_parse(&shard, "2/3"));
    assert_int_equal(shard.index, 2);
    assert_int_equal(shard.count, 3);
    assert_ok(vit_shard_parse(&shard, "0/1"));
    assert_fails(vit_shard_parse(&shard, "3/3"), VIT_EINVAL, "the last of 3 is 2/3");
    static const char *const wrong[] = {"",
                                        "1",
                                        "1/",
                                        "/2",
                                        "1/0",
                                        "-1/2",
                                        "1/2/3",
                                        "a/b",
                                        "1/x",
                                        " 0/2",
                                        "0/2 ",
                                        "0 /2",
                                        "0/-2",
                                        "99999999999999999999/2",
                                        "0/99999999999999999999",
                                        "0x1/2"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_fails(vit_shard_parse(&shard, wrong[i]), VIT_EINVAL, "takes I/N");
}

static void make_folder(const char *name)
{
    if (mkdir(program_path(name), 0777) != 0)
        fail_msg("%s: cannot be made", name);
}

static void write_shard(const char *name, int index, int count)
{
    char path[128], text[128];
    snprintf(path, sizeof path, "%s/run.json", name);
    snprintf(text, sizeof text, "{\"options\": {\"shard\": {\"index\": %d, \"count\": %d}}}", index, count);
    program_write(path, text);
}

static struct program_run run;

/* With the folder of this test for each "@". */
static void start(const char *arguments)
{
    char line[2048];
    size_t used = 0;
    for (; *arguments && used < sizeof line - sizeof program_folder; arguments++)
        if (*arguments == '@')
            used += (size_t)snprintf(line + used, sizeof line - used, "%s", program_folder);
        else
            line[used++] = *arguments;
    line[used] = '\0';
    program_start(&run, "%s", line);
}

#define EXPECT_REFUSAL(message, arguments)                                                   \
    do {                                                                                     \
        start("merge " arguments " --out @/refused");                                        \
        if (run.exit_code == 0 || !strstr(run.error, (message)))                             \
            fail_msg("exit code %d with \"%s\", not %s", run.exit_code, run.error, message); \
        assert_int_not_equal(access(program_path("refused"), F_OK), 0);                      \
    } while (0)

/* Two shards, the second before the first by name; a quoted cell goes over two lines. */
static void make_shards(void)
{
    static const char *const folder[] = {"z", "z/deit", "a", "a/swin", "other", "odd"};
    for (int i = 0; i < 6; i++)
        make_folder(folder[i]);
    program_write("z/models.csv", "model,time_ns\n\"deit\",1.5\n");
    program_write("z/deit/operators.csv", "op\n\"x\"\n");
    program_write("a/models.csv", "model,time_ns\n\"swin\nof two lines\",\n\"third\",0.25");
    program_write("a/swin/operators.csv", "op\n\"y\"\n\"z\"\n");
    program_write("a/notes.txt", "no table\n");
    write_shard("z", 0, 2);
    write_shard("a", 1, 2);
    program_write("other/models.csv", "model,time_s\n\"deit\",1.5\n");
    program_write("odd/models.csv", "model,time_ns\n\"deit\",1.5,7\n");
}

static void test_merge_joins_the_tables_of_shards(void **state)
{
    (void)state;
    struct vit_csv *csv;
    make_shards();
    start("merge @/a @/z --out @/new/merged");
    assert_string_equal(run.error, "");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.output, "new/merged/models.csv: 3 rows\n"));
    assert_ok(vit_csv_open(&csv, program_path("new/merged/models.csv")));
    assert_int_equal(vit_csv_rows(csv), 3);
    assert_string_equal(vit_csv_text(csv, 0, 0), "deit"); /* in the order of the shards */
    assert_string_equal(vit_csv_text(csv, 1, 0), "swin\nof two lines");
    assert_null(vit_csv_text(csv, 1, 1));
    assert_string_equal(vit_csv_text(csv, 2, 1), "0.25");
    vit_csv_close(csv);
    assert_ok(vit_csv_open(&csv, program_path("new/merged/swin/operators.csv")));
    assert_int_equal(vit_csv_rows(csv), 2);
    vit_csv_close(csv);
    assert_int_equal(access(program_path("new/merged/deit/operators.csv"), F_OK), 0);
    assert_int_not_equal(access(program_path("new/merged/notes.txt"), F_OK), 0);
}

static void test_merge_refuses_what_does_not_belong_together(void **state)
{
    (void)state;
    EXPECT_REFUSAL("shard 1/2 is not among the folders", "@/z");
    EXPECT_REFUSAL("is given twice", "@/a @/z @/./a");
    EXPECT_REFUSAL("shards of different lists", "@/a @/z @/other");
    write_shard("other", 1, 2);
    EXPECT_REFUSAL("are both shard 1/2", "@/z @/a @/other");
    EXPECT_REFUSAL("column 2 is time_s", "@/z @/other");
    write_shard("odd", 1, 2);
    EXPECT_REFUSAL("odd/models.csv", "@/z @/odd");
    EXPECT_REFUSAL("No such file", "@/none");
    make_folder("empty");
    EXPECT_REFUSAL("no CSV files", "@/empty");
    start("merge @/a @/z --out @/a");
    assert_int_equal(run.exit_code, 2);
    start("merge @/a @/z");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.error, "--out"));
}

static void test_commands_do_their_shard(void **state)
{
    (void)state;
    static char all[PROGRAM_TEXT];
    program_start(&run, "models --format csv");
    strcpy(all, run.output);
    for (int i = 0; i < 3; i++) {
        program_start(&run, "models --format csv --shard %d/3", i);
        assert_int_equal(run.exit_code, 0);
        char *line = strtok(run.output, "\n");
        for (int n = 0; line; line = strtok(NULL, "\n"), n++) {
            assert_non_null(strstr(all, line)); /* each is one of the whole list, which is used up */
            if (n > 0)
                memset(strstr(all, line), ' ', strlen(line));
        }
    }
    assert_null(strchr(strchr(all, '\n'), '"'));
    start("profile --shard 1/2 deit_nano swin_nano --traffic compulsory --warmup 0 --min-time 0 --repeat 1 "
          "--out @/both");
    assert_int_equal(run.exit_code, 0);
    assert_int_equal(access(program_path("both/shard-1-of-2/swin_nano/operators.csv"), F_OK), 0);
    assert_int_not_equal(access(program_path("both/shard-1-of-2/deit_nano"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_take_every_item_once),
        cmocka_unit_test(test_shards_are_numbered_from_0),
        cmocka_unit_test(test_merge_joins_the_tables_of_shards),
        cmocka_unit_test(test_merge_refuses_what_does_not_belong_together),
        cmocka_unit_test(test_commands_do_their_shard),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
