/* SPDX-License-Identifier: MIT */
/* `mpirun -n 2 vitscope train` beside one process with the doubled batch. Skipped where Open MPI is not installed. */
#include "model/base/real.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root in a container, and machines of one processor. */
static const char mpirun[] = "mpirun --allow-run-as-root --oversubscribe -n 2";

/* Sums over images are rounded in another order, which 20 steps of AdamW amplify (found: 2e-15, in float 2e-5). A wrong
 * share of one image changes the first loss by 1e-2. Relative. */
static const double tolerance = sizeof(vit_real) == 8 ? 1e-12 : 1e-4;
/* The same after 60 steps: in float the runs are then different ones, of which only the start can be compared. */
static const double late_tolerance = sizeof(vit_real) == 8 ? 1e-9 : 5e-2;

static struct program_run run;

#define NET "train efficientvit_nano --img 64 --data synthetic:88:1 --val none --mixup 0.8 --threads 1 --seed 3 "

static void need_mpi(void)
{
    char plugin[4200];
    snprintf(plugin, sizeof plugin, "%s_mpi.so", program_binary());
    if (system("command -v mpirun >/dev/null") != 0 || access(plugin, R_OK) != 0)
        skip();
}

/* With `launcher` before the program. */
#define LEARN(launcher, ...)                                        \
    do {                                                            \
        program_launcher = (launcher);                              \
        program_start(&run, __VA_ARGS__);                           \
        program_launcher = "";                                      \
        if (run.exit_code != 0)                                     \
            fail_msg("exit code %d: %s", run.exit_code, run.error); \
    } while (0)

static struct vit_csv *open_metrics(const char *name)
{
    char path[256];
    struct vit_csv *csv;
    snprintf(path, sizeof path, "%s/%s/metrics.csv", program_folder, name);
    assert_ok(vit_csv_open(&csv, path));
    return csv;
}

/* Losses and norms of all steps, within a relative tolerance; 0: the same digits. */
static void compare(const char *one, const char *other, int64_t steps, double within)
{
    static const char *const column[] = {"loss", "gradient_norm"};
    struct vit_csv *a = open_metrics(one), *b = open_metrics(other);
    assert_int_equal(vit_csv_rows(a), steps);
    assert_int_equal(vit_csv_rows(b), steps);
    for (int i = 0; i < 2; i++) {
        int at;
        assert_ok(vit_csv_find(a, column[i], &at));
        for (int64_t row = 0; row < steps; row++) {
            struct vit_cell x, y;
            assert_ok(vit_csv_real(a, row, at, &x));
            assert_ok(vit_csv_real(b, row, at, &y));
            /* small differences of weights show in the norm first (found: 3e-3 in float, of ReLUs on the other side) */
            if (!(fabs(x.r - y.r) <= (i ? 200 : 1) * within * fabs(x.r)))
                fail_msg("step %d: %s %.17g and %.17g", (int)row + 1, column[i], x.r, y.r);
        }
    }
    vit_csv_close(a);
    vit_csv_close(b);
}

static void test_two_ranks_learn_what_one_does(void **state)
{
    (void)state;
    need_mpi();
    LEARN("", NET "--epochs 4 --batch 16 --out %s/one", program_folder);
    LEARN(mpirun, NET "--epochs 4 --batch 8 --out %s/two", program_folder);
    compare("one", "two", 20, tolerance);
    LEARN(mpirun, NET "--epochs 4 --batch 8 --out %s/again", program_folder);
    compare("two", "again", 20, 0);
}

/* Stochastic depth is drawn by the place of an image among those of the step; a step here is two batches. */
static void test_ranks_drop_the_same_branches(void **state)
{
    (void)state;
    need_mpi();
    static const char deit[] =
        "train deit_nano --img 32 --set 'patch=8 drop_path=0.5' --data synthetic:68:1 --val none "
        "--accumulate 2 --threads 1 --epochs 2";
    LEARN("", "%s --batch 8 --out %s/deit", deit, program_folder);
    LEARN(mpirun, "%s --batch 4 --out %s/deits", deit, program_folder);
    compare("deit", "deits", 8, tolerance);
}

/* The numbers of epochs.csv that ranks count together: 245 images, whose last part leaves ranks unequal shares. */
static void test_ranks_share_the_evaluation(void **state)
{
    (void)state;
    need_mpi();
    static const char deit[] = "train deit_nano --img 32 --set patch=8 --data synthetic:34:1 --val synthetic:245:2 "
                               "--mixup 0 --cutmix 0 --ema 0.5 --threads 1 --epochs 2";
    static const char *const column[] = {"val_loss", "top1_pct", "top5_pct", "ema_val_loss", "ema_top1_pct"};
    char path[2][256];
    struct vit_csv *csv[2];
    LEARN("", "%s --batch 8 --out %s/judge", deit, program_folder);
    LEARN(mpirun, "%s --batch 4 --out %s/judges", deit, program_folder);
    assert_non_null(strstr(run.output, "2 ranks: "));
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/judge%s/epochs.csv", program_folder, i ? "s" : "");
        assert_ok(vit_csv_open(&csv[i], path[i]));
        assert_int_equal(vit_csv_rows(csv[i]), 2);
    }
    for (int i = 0; i < 5; i++)
        for (int row = 0; row < 2; row++) {
            struct vit_cell one, two;
            int at;
            assert_ok(vit_csv_find(csv[0], column[i], &at));
            assert_ok(vit_csv_real(csv[0], row, at, &one));
            assert_ok(vit_csv_real(csv[1], row, at, &two));
            assert_true(one.present && two.present);
            assert_close(two.r, one.r, strstr(column[i], "loss") ? tolerance : 0); /* counts are the same */
        }
    vit_csv_close(csv[0]);
    vit_csv_close(csv[1]);
}

static void test_only_rank_0_prints_and_writes(void **state)
{
    (void)state;
    need_mpi();
    LEARN(mpirun, NET "--epochs 1 --batch 8 --format csv --out %s/quiet", program_folder);
    const char *heading = strstr(run.output, "epoch,");
    assert_non_null(heading);
    assert_null(strstr(heading + 1, "epoch,"));
    program_launcher = mpirun;
    program_start(&run, NET "--epochs 1 --batch 7 --out %s/odd", program_folder);
    program_launcher = "";
    assert_int_not_equal(run.exit_code, 0);
    assert_non_null(strstr(run.error, "must be even"));
}

/* Rank 1 dies once there are nine rows of metrics.csv; one process goes on with the doubled batch. */
static void test_a_rank_that_dies_leaves_a_good_checkpoint(void **state)
{
    (void)state;
    need_mpi();
    char folder[200], arguments[1024], command[4096], text[PROGRAM_TEXT];
    snprintf(folder, sizeof folder, "%s/killed", program_folder);
    snprintf(arguments, sizeof arguments, NET "--epochs 12 --checkpoint-every 4 --out %s", folder);
    snprintf(
        command, sizeof command,
        "mpirun --allow-run-as-root --oversubscribe -n 1 '%s' %s --batch 8 : -n 1 sh -c \"'%s' %s --batch 8 & "
        "pid=\\$!; until [ \\$(wc -l <'%s/metrics.csv') -gt 9 ]; do sleep 0.01; done; kill -9 \\$pid; wait \\$pid\" "
        ">/dev/null 2>'%s'",
        program_binary(), arguments, program_binary(), arguments, folder, program_path("killed.txt"));
    assert_int_not_equal(system(command), 0);
    FILE *file = fopen(program_path("killed.txt"), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    if (!strstr(text, "another rank died"))
        fail_msg("no word of the death: %s", text);
    LEARN("", "%s --batch 16", arguments);
    LEARN("", NET "--epochs 12 --batch 16 --out %s/alone", program_folder);
    compare("alone", "killed", 60, late_tolerance);
}

/* A copy of the program without the plug-in beside it. */
static void test_ranks_that_cannot_be_joined_fail(void **state)
{
    (void)state;
    char command[4400];
    if (access("/usr/local/lib/vitscope/vitscope_mpi.so", F_OK) == 0)
        skip();
    snprintf(command, sizeof command, "cp '%s' '%s' && PMI_SIZE=2 '%s' train deit_nano 2>'%s'", program_binary(),
             program_path("copy"), program_path("copy"), program_path("copy.txt"));
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "grep -q '2 processes were started (PMI_SIZE) and cannot be joined' '%s'",
             program_path("copy.txt"));
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_ranks_learn_what_one_does),
        cmocka_unit_test(test_ranks_drop_the_same_branches),
        cmocka_unit_test(test_ranks_share_the_evaluation),
        cmocka_unit_test(test_only_rank_0_prints_and_writes),
        cmocka_unit_test(test_a_rank_that_dies_leaves_a_good_checkpoint),
        cmocka_unit_test(test_ranks_that_cannot_be_joined_fail),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
