/* SPDX-License-Identifier: MIT */
/* Training as its user meets it: the same command gives the same bits, whenever it is killed; other settings in the
 * same folder are refused; what cannot be learned from is told in one line. */
#include "analysis/recipe.h"
#include "model/base/real.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct program_run run;

/* 12 steps in 3 epochs. */
#define DEIT                                                                                                           \
    "train deit_nano --img 32 --set patch=8 --data synthetic:34:1 --val synthetic:9:2 --epochs 3 --batch 8 --augment " \
    "none "
#define EFFICIENTVIT "train efficientvit_nano --img 64 --data synthetic:34:1 --val none --epochs 2 --batch 8 --ema 0.9 "

static void expect(int exit_code, const char *message)
{
    if (run.exit_code != exit_code || !strstr(run.error, message))
        fail_msg("exit code %d with \"%s\", expected %d with \"%s\"", run.exit_code, run.error, exit_code, message);
    if (strchr(run.error, '\n') && strchr(run.error, '\n')[1] && exit_code != 2)
        fail_msg("more than one line on stderr: %s", run.error);
}

#define EXPECT(exit_code, message, ...)   \
    do {                                  \
        program_start(&run, __VA_ARGS__); \
        expect(exit_code, message);       \
    } while (0)

static void assert_same_file(const char *one, const char *other)
{
    char command[1024];
    snprintf(command, sizeof command, "cmp '%s/%s' '%s/%s'", program_folder, one, program_folder, other);
    assert_int_equal(system(command), 0);
}

/* The columns that tell what was learned, not how fast. */
static void assert_same_learning(const char *one, const char *other, const char *file, int columns)
{
    char path[2][512];
    struct vit_csv *csv[2];
    snprintf(path[0], sizeof path[0], "%s/%s/%s", program_folder, one, file);
    snprintf(path[1], sizeof path[1], "%s/%s/%s", program_folder, other, file);
    assert_ok(vit_csv_open(&csv[0], path[0]));
    assert_ok(vit_csv_open(&csv[1], path[1]));
    assert_int_equal(vit_csv_rows(csv[0]), vit_csv_rows(csv[1]));
    for (int64_t row = 0; row < vit_csv_rows(csv[0]); row++)
        for (int column = 0; column < columns; column++) {
            const char *a = vit_csv_text(csv[0], row, column), *b = vit_csv_text(csv[1], row, column);
            assert_string_equal(a ? a : "", b ? b : "");
        }
    vit_csv_close(csv[0]);
    vit_csv_close(csv[1]);
}

/* step, epoch, loss, lr, gradient_norm; epoch, steps, three losses and shares, those of the average. */
static void assert_same_run(const char *one, const char *other)
{
    char a[128], b[128];
    snprintf(a, sizeof a, "%s/final.safetensors", one);
    snprintf(b, sizeof b, "%s/final.safetensors", other);
    assert_same_file(a, b);
    assert_same_learning(one, other, "metrics.csv", 5);
    assert_same_learning(one, other, "epochs.csv", 9);
}

static void test_train_is_the_same_with_any_number_of_threads_and_workers(void **state)
{
    (void)state;
    EXPECT(0, "", EFFICIENTVIT "--out %s/one --threads 1", program_folder);
    EXPECT(0, "", EFFICIENTVIT "--out %s/two --threads 2 --workers 3", program_folder);
    assert_same_run("one", "two");
    assert_same_file("one/final_ema.safetensors", "two/final_ema.safetensors");
    EXPECT(0, "", EFFICIENTVIT "--out %s/seed --seed 2", program_folder);
    char command[512];
    snprintf(command, sizeof command, "cmp -s '%s/one/final.safetensors' '%s/seed/final.safetensors'", program_folder,
             program_folder);
    assert_int_not_equal(system(command), 0);
}

/* Killed after the ninth row of metrics.csv, in the third epoch, at whatever moment. */
static void test_train_goes_on_after_being_killed(void **state)
{
    (void)state;
    EXPECT(0, "", DEIT "--out %s/whole", program_folder);
    program_start(&run,
                  DEIT
                  "--out %s/killed --checkpoint-every 1 & while [ $(cat %s/killed/metrics.csv 2>/dev/null | wc -l) -lt "
                  "10 ]; do sleep 0.002; done; kill -9 $!",
                  program_folder, program_folder);
    EXPECT(0, "", DEIT "--out %s/killed", program_folder);
    assert_same_run("whole", "killed");
}

/* Killed after the checkpoint of its last step, before the weights. */
static void test_train_writes_weights_that_a_kill_left_out(void **state)
{
    (void)state;
    char command[512];
    EXPECT(0, "", EFFICIENTVIT "--out %s/late", program_folder);
    snprintf(command, sizeof command, "cd '%s' && cp -r late left && rm left/final*.safetensors", program_folder);
    assert_int_equal(system(command), 0);
    EXPECT(0, "", EFFICIENTVIT "--out %s/left", program_folder);
    assert_same_file("late/final.safetensors", "left/final.safetensors");
    assert_same_file("late/final_ema.safetensors", "left/final_ema.safetensors");
}

/* What a run that was killed has written after its checkpoint, and half a row, is dropped. */
static void test_train_drops_rows_that_its_checkpoint_does_not_know(void **state)
{
    (void)state;
    EXPECT(0, "", DEIT "--out %s/cut --max-steps 6", program_folder);
    assert_non_null(strstr(run.output, "stopped by --max-steps after step 6"));
    char command[512];
    snprintf(command, sizeof command, "cd '%s/cut' && echo 7,2,1,1,1,1,1,1 >>metrics.csv && printf 8,2 >>metrics.csv",
             program_folder);
    assert_int_equal(system(command), 0);
    EXPECT(0, "", DEIT "--out %s/cut", program_folder);
    assert_non_null(strstr(run.output, "goes on after step 2 of epoch 2"));
    EXPECT(0, "", DEIT "--out %s/uncut --threads 2", program_folder);
    assert_same_run("uncut", "cut");
    EXPECT(0, "", DEIT "--out %s/cut", program_folder);
    assert_non_null(strstr(run.output, "this run is finished"));
}

static void test_train_refuses_the_folder_of_another_run(void **state)
{
    (void)state;
    EXPECT(0, "", DEIT "--out %s/mine --max-steps 1", program_folder);
    EXPECT(2, "holds a run with --lr=1e-3, this one has --lr=2e-3", DEIT "--out %s/mine --lr 2e-3", program_folder);
    EXPECT(2, "--model=deit_nano, this one has --model=efficientvit_nano", EFFICIENTVIT "--out %s/mine",
           program_folder);
    EXPECT(0, "", "weights make deit_nano %s/mine/last.safetensors", program_folder);
    EXPECT(1, "last.safetensors", DEIT "--out %s/mine", program_folder);
}

static void test_train_tells_what_it_cannot_learn_from(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "mkdir -p '%s/empty' '%s/classes/a' '%s/classes/b'", program_folder,
             program_folder, program_folder);
    assert_int_equal(system(command), 0);
    EXPECT(1, "/empty", "train deit_nano --data %s/empty", program_folder);
    EXPECT(1, "/classes", "train deit_nano --data %s/classes", program_folder);
    EXPECT(2, "34 images are less than one step of 64", "train deit_nano --data synthetic:34:1 --batch 64 --out %s/x",
           program_folder);
    EXPECT(2, "--lr fast: takes a rate above 0", DEIT "--lr fast --out %s/x", program_folder);
    EXPECT(2, "--clip hard", DEIT "--clip hard --out %s/x", program_folder);
    EXPECT(2, "--recipe nope: there are none, quick, paper", DEIT "--recipe nope --out %s/x", program_folder);
    EXPECT(2, "these are the images that are trained on", "train deit_nano --data synthetic:34:1 --val synthetic:34:1");
    EXPECT(2, "needs --weights FILE", "eval deit_nano");
    EXPECT(2, "needs --weights FILE", "finetune deit_nano");
    EXPECT(2, "needs MODEL", "train");
}

/* Three images of each of two classes, and a file that is none. */
static void test_train_replaces_images_that_cannot_be_read(void **state)
{
    (void)state;
    char command[1024];
    snprintf(
        command, sizeof command,
        "at='%s/photos'; mkdir -p $at/a $at/b && for i in 1 2 3; do cp tests/fixtures/images/rgb8.png $at/a/$i.png; "
        "cp tests/fixtures/images/gray8.png $at/b/$i.png; done; echo broken >$at/b/4.png",
        program_folder);
    assert_int_equal(system(command), 0);
    EXPECT(0, "", "train deit_nano --img 32 --data %s/photos --batch 7 --epochs 1 --out %s/replaced", program_folder,
           program_folder);
    assert_non_null(strstr(run.output, "1 images could not be read and were replaced"));
    assert_non_null(strstr(run.output, "photos/b/4.png"));
    EXPECT(1, "photos/b/4.png",
           "train deit_nano --img 32 --data %s/photos --batch 7 --epochs 1 --strict --out %s/strict", program_folder,
           program_folder);
}

static void test_train_ends_after_a_signal_with_a_checkpoint(void **state)
{
    (void)state;
    program_start(&run,
                  DEIT
                  "--epochs 300 --out %s/signal & while [ $(cat %s/signal/metrics.csv 2>/dev/null | wc -l) -lt 3 ]; do "
                  "sleep 0.002; done; kill -TERM $!; wait $!",
                  program_folder, program_folder);
    expect(1, "told to end after step ");
    assert_non_null(strstr(run.error, "of 1200; the same command goes on from "));
    EXPECT(0, "", DEIT "--epochs 300 --max-steps 1 --out %s/signal", program_folder);
    assert_non_null(strstr(run.output, "goes on after step "));
}

/* Two batches of half the size: the same images, another order of sums. */
static void test_train_accumulates_batches(void **state)
{
    (void)state;
    struct vit_csv *one, *two;
    struct vit_cell a, b;
    EXPECT(0, "", DEIT "--out %s/at_once", program_folder);
    EXPECT(0, "", DEIT "--out %s/in_two --batch 4 --accumulate 2", program_folder);
    assert_ok(vit_csv_open(&one, program_path("at_once/metrics.csv")));
    assert_ok(vit_csv_open(&two, program_path("in_two/metrics.csv")));
    assert_int_equal(vit_csv_rows(one), vit_csv_rows(two));
    for (int64_t row = 0; row < vit_csv_rows(one); row++) {
        assert_ok(vit_csv_real(one, row, 2, &a));
        assert_ok(vit_csv_real(two, row, 2, &b));
        assert_close(a.r, b.r, 1e-3); /* rounding, amplified by AdamW over twelve steps */
    }
    vit_csv_close(one);
    vit_csv_close(two);
}

static void test_train_steps_its_rate_down(void **state)
{
    (void)state;
    struct vit_csv *metrics;
    struct vit_cell lr;
    EXPECT(0, "", DEIT "--lr 0.01 --warmup-epochs 0 --schedule step/2 --out %s/steps", program_folder);
    assert_ok(vit_csv_open(&metrics, program_path("steps/metrics.csv")));
    assert_int_equal(vit_csv_rows(metrics), 12); /* 4 an epoch */
    for (int64_t row = 0; row < 12; row++) {
        assert_ok(vit_csv_real(metrics, row, 3, &lr));
        assert_close(lr.r, row < 8 ? 0.01 : 0.001, 1e-9); /* printed digits */
    }
    vit_csv_close(metrics);
    EXPECT(2, "--schedule step: is cosine,", DEIT "--schedule step --out %s/never", program_folder);
    EXPECT(2, "--schedule cosine/3: is cosine,", DEIT "--schedule cosine/3 --out %s/never", program_folder);
    EXPECT(2, "schedule \"steep\" is unknown; there are cosine", DEIT "--schedule steep --out %s/never",
           program_folder);
}

/* The last checkpoint stays, and the run goes on from it. */
static void test_train_names_step_and_tensor_of_a_loss_that_is_no_number(void **state)
{
    (void)state;
    const char *lr = sizeof(vit_real) == 8 ? "1e250" : "1e30"; /* products of such weights are no numbers */
    EXPECT(0, "", DEIT "--lr %s --clip none --schedule constant --warmup-epochs 0 --out %s/nan --max-steps 1", lr,
           program_folder);
    EXPECT(1, "step 2: the loss is no number; the first tensor that is not finite is blocks.0.",
           DEIT "--lr %s --clip none --schedule constant --warmup-epochs 0 --out %s/nan", lr, program_folder);
    assert_int_equal(access(program_path("nan/last.safetensors"), R_OK), 0);
}

/* A disk for one checkpoint and not for the next beside it: the first stays, and the run goes on when there is room. */
static void test_train_keeps_its_checkpoint_when_the_disk_is_full(void **state)
{
    (void)state;
    const char *disk = program_path("disk");
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, sizeof(vit_real) == 8 ? "size=2400k" : "size=1200k") != 0) {
        print_message("skipped: no tmpfs can be mounted here\n");
        skip();
    }
    program_start(&run, DEIT "--out %s/run --checkpoint-every 2", disk);
    static struct program_run full;
    full = run;
    int remounted = mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=16m");
    program_start(&run, DEIT "--out %s/run", disk);
    char command[512];
    snprintf(command, sizeof command, "cp -r '%s/run' '%s/after'", disk, program_folder);
    int copied = system(command);
    umount(disk);
    expect(0, "");
    assert_non_null(strstr(run.output, "goes on after step 2 of epoch 1"));
    run = full;
    expect(1, "No space left on device");
    assert_true(remounted == 0 && copied == 0);
    EXPECT(0, "", DEIT "--out %s/before", program_folder);
    assert_same_run("before", "after");
}

static void test_finetune_and_eval_read_what_train_wrote(void **state)
{
    (void)state;
    EXPECT(0, "", DEIT "--out %s/first", program_folder);
    EXPECT(0, "", "eval --weights %s/first/best.safetensors --data synthetic:9:2 --format csv --out %s/first/eval",
           program_folder, program_folder);
    struct vit_csv *trained, *judged;
    struct vit_cell best = {.present = false}, top1;
    int at;
    assert_ok(vit_csv_open(&trained, program_path("first/epochs.csv")));
    assert_ok(vit_csv_open(&judged, program_path("first/eval/eval.csv")));
    assert_ok(vit_csv_find(trained, "top1_pct", &at));
    for (int64_t row = 0; row < 3; row++) {
        assert_ok(vit_csv_real(trained, row, at, &top1));
        best = !best.present || top1.r > best.r ? top1 : best;
    }
    assert_ok(vit_csv_find(judged, "top1_pct", &at));
    assert_ok(vit_csv_real(judged, 0, at, &top1));
    assert_close(top1.r, best.r, 0);
    vit_csv_close(trained);
    vit_csv_close(judged);
    EXPECT(
        0, "",
        "finetune --weights %s/first/best.safetensors --img 40 --data synthetic:34:3 --val none --batch 8 --epochs 1 "
        "--freeze backbone --out %s/second",
        program_folder, program_folder);
    assert_non_null(strstr(run.output, "1 of them resized"));
}

static void test_every_setting_of_every_recipe_is_taken(void **state)
{
    (void)state;
    static const char *const recipe[] = {"none", "quick", "paper", "transfer", "fashion"};
    for (size_t i = 0; i < sizeof recipe / sizeof recipe[0]; i++) {
        struct vit_options options = {.recipe = recipe[i], .epochs = 7};
        assert_ok(vit_recipe_apply(&options, "deit_tiny"));
        assert_true(options.batch > 0 && options.epochs > 0 && options.lr && options.optimizer);
    }
    EXPECT(0, "", "train --recipe list --format csv");
    assert_non_null(strstr(run.output, "\"paper\",\"weight-decay\",\"0.025\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_is_the_same_with_any_number_of_threads_and_workers),
        cmocka_unit_test(test_train_goes_on_after_being_killed),
        cmocka_unit_test(test_train_writes_weights_that_a_kill_left_out),
        cmocka_unit_test(test_train_drops_rows_that_its_checkpoint_does_not_know),
        cmocka_unit_test(test_train_refuses_the_folder_of_another_run),
        cmocka_unit_test(test_train_tells_what_it_cannot_learn_from),
        cmocka_unit_test(test_train_replaces_images_that_cannot_be_read),
        cmocka_unit_test(test_train_ends_after_a_signal_with_a_checkpoint),
        cmocka_unit_test(test_train_accumulates_batches),
        cmocka_unit_test(test_train_steps_its_rate_down),
        cmocka_unit_test(test_train_names_step_and_tensor_of_a_loss_that_is_no_number),
        cmocka_unit_test(test_train_keeps_its_checkpoint_when_the_disk_is_full),
        cmocka_unit_test(test_finetune_and_eval_read_what_train_wrote),
        cmocka_unit_test(test_every_setting_of_every_recipe_is_taken),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
