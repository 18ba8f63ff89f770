/* SPDX-License-Identifier: MIT */
/* Checkpoints: a training that goes on from one has the same bits; kills, full disks and other files do no harm. */
#include "analysis/instance.h"
#include "model/train/checkpoint.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[256], path[300];

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/vitscope-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* nothing else may be left */
}

struct training {
    struct vit_instance net;
    struct vit_optimizer optimizer;
    struct vit_ema ema;
    struct vit_checkpoint checkpoint;
};

static void begin_with(struct training *t, const char *model, const char *optimizer)
{
    const struct vit_instance_options options = {
        .model = {.batch = 2, .graph = "train"}, .threads = 1, .backward = true, .seed = 1};
    const struct vit_optimizer_def *def = vit_optimizer_find(optimizer);
    assert_ok(vit_instance_open(&t->net, model, &options));
    assert_ok(vit_optimizer_open(&t->optimizer, &t->net.exec, def, &def->defaults));
    assert_ok(vit_ema_open(&t->ema, &t->net.exec, (struct vit_ema_options){.decay = 0.99, .warmup = true}));
    t->checkpoint = (struct vit_checkpoint){.graph = &t->net.graph, .optimizer = &t->optimizer, .ema = &t->ema};
}

static void begin(struct training *t)
{
    begin_with(t, "efficientvit_nano", "adamw");
}

static void finish(struct training *t)
{
    vit_ema_close(&t->ema);
    vit_optimizer_close(&t->optimizer);
    vit_instance_close(&t->net);
}

static void train(struct training *t, int steps)
{
    for (int i = 0; i < steps; i++) {
        vit_exec_run(&t->net.exec);
        vit_optimizer_step(&t->optimizer, 1e-3);
        vit_ema_update(&t->ema);
    }
}

static void assert_same(const struct training *a, const struct training *b)
{
    for (int i = 0; i < a->ema.weights.n; i++) {
        const struct vit_tensor *x = a->ema.weights.tensor[i], *y = b->ema.weights.tensor[i];
        assert_memory_equal(x->data, y->data, vit_nbytes(x));
        assert_memory_equal(a->ema.average + a->ema.weights.place[i], b->ema.average + b->ema.weights.place[i],
                            vit_nbytes(x));
    }
    for (int i = 0; i < a->optimizer.parameters.n; i++)
        for (int s = 0; s < VIT_OPTIMIZER_STATES && a->optimizer.state[s]; s++)
            assert_memory_equal(a->optimizer.state[s] + a->optimizer.parameters.place[i],
                                b->optimizer.state[s] + b->optimizer.parameters.place[i],
                                vit_nbytes(a->optimizer.parameters.tensor[i]));
    assert_int_equal(a->optimizer.steps, b->optimizer.steps);
    assert_int_equal(a->ema.updates, b->ema.updates);
}

static int load(struct training *t)
{
    struct vit_checkpoint_file file;
    int status = vit_checkpoint_open(&file, path);
    if (status != VIT_OK)
        return status;
    status = vit_checkpoint_load(&file, &t->checkpoint);
    vit_checkpoint_close(&file);
    return status;
}

static void test_training_goes_on_bit_for_bit(void **state)
{
    (void)state;
    static struct training whole, first, second;
    begin(&whole);
    train(&whole, 5);
    begin(&first);
    train(&first, 2);
    first.checkpoint.state = (struct vit_checkpoint_state){.seed = UINT64_MAX, .epoch = 3, .step = INT64_MAX};
    first.checkpoint.text = (const struct vit_safetensors_pair[]){{"vitscope.data", "a \"folder\"\nof images"}};
    first.checkpoint.n_text = 1;
    assert_ok(vit_checkpoint_save(path, &first.checkpoint));
    begin(&second);
    train(&second, 1); /* of what was before nothing may be left */
    assert_ok(load(&second));
    assert_true(second.checkpoint.state.seed == UINT64_MAX);
    assert_int_equal(second.checkpoint.state.epoch, 3);
    assert_true(second.checkpoint.state.step == INT64_MAX);
    assert_same(&first, &second);
    train(&second, 3);
    assert_same(&whole, &second);
    struct vit_checkpoint_file file;
    assert_ok(vit_checkpoint_open(&file, path));
    assert_string_equal(vit_checkpoint_text(&file, "vitscope.data"), "a \"folder\"\nof images");
    assert_string_equal(vit_checkpoint_text(&file, "vitscope.model"), "efficientvit_nano");
    assert_null(vit_checkpoint_text(&file, "vitscope.colour"));
    vit_checkpoint_close(&file);
    finish(&whole);
    finish(&first);
    finish(&second);
}

/* `--weights last.safetensors`: the weights without the rest. */
static void test_checkpoint_is_a_weight_file(void **state)
{
    (void)state;
    static struct training t;
    static struct vit_instance net;
    begin(&t);
    train(&t, 1);
    assert_ok(vit_checkpoint_save(path, &t.checkpoint));
    const struct vit_instance_options options = {.weights = path};
    assert_ok(vit_instance_open(&net, "efficientvit_nano", &options));
    assert_int_equal(net.weights.loaded, t.ema.weights.n);
    const struct vit_tensor *saved = t.ema.weights.tensor[0];
    for (int i = 0; i < net.graph.n_tensor; i++)
        if (vit_is_weight(net.graph.tensor[i]) && strcmp(net.graph.tensor[i]->name, saved->name) == 0)
            assert_memory_equal(net.graph.tensor[i]->data, saved->data, vit_nbytes(saved));
    vit_instance_close(&net);
    finish(&t);
}

/* Nothing of a file that does not fit is taken over. */
static void assert_refused(struct training *t, const char *message)
{
    static struct training before;
    begin_with(&before, t->net.model->name, t->optimizer.def->name);
    assert_fails(load(t), VIT_EFORMAT, message);
    assert_same(t, &before);
    finish(&before);
}

static void save_other(const char *model, const char *optimizer, bool averaged)
{
    static struct training other;
    begin_with(&other, model, optimizer);
    train(&other, 1);
    if (!averaged)
        other.checkpoint.ema = NULL;
    assert_ok(vit_checkpoint_save(path, &other.checkpoint));
    finish(&other);
}

static void test_other_checkpoints_are_refused(void **state)
{
    (void)state;
    static struct training t;
    begin(&t);
    save_other("deit_nano", "adamw", true);
    assert_refused(&t, "a checkpoint of deit_nano, not of efficientvit_nano");
    save_other("efficientvit_nano", "sgd", true);
    assert_refused(&t, "was trained by sgd, not by adamw");
    save_other("efficientvit_nano", "adamw", false);
    assert_refused(&t, "was trained without a moving average of the weights, this training has one");
    save_other("efficientvit_nano", "adamw", true);
    t.checkpoint.text = (const struct vit_safetensors_pair[]){{"vitscope.data", "cifar10"}};
    t.checkpoint.n_text = 1;
    assert_refused(&t, "vitscope.data is \"\", not \"cifar10\"");
    assert_ok(vit_weights_save(&t.net.graph, path, NULL));
    assert_refused(&t, "is no checkpoint of a training, but other weights");
    finish(&t);
}

/* The same name, other shapes: the first tensor that differs is named, and settings before it. */
static void test_other_shapes_are_refused(void **state)
{
    (void)state;
    static struct training t, other;
    begin(&t);
    begin_with(&other, "deit_nano", "adamw");
    const char *own = other.net.graph.name, *config = other.net.graph.config;
    other.net.graph.name = "efficientvit_nano";
    assert_ok(vit_checkpoint_save(path, &other.checkpoint));
    assert_refused(&t, "has no tensor patch_embed.conv1.conv.weight (2, 3, 3, 3)");
    other.checkpoint.text = (const struct vit_safetensors_pair[]){{"vitscope.config", config}};
    other.checkpoint.n_text = 1;
    assert_ok(vit_checkpoint_save(path, &other.checkpoint));
    assert_refused(&t, "a checkpoint of efficientvit_nano with other settings");
    other.net.graph.name = own;
    finish(&other);
    finish(&t);
}

static void cut_file(off_t size)
{
    assert_int_equal(truncate(path, size), 0);
}

static void test_cut_files_are_told(void **state)
{
    (void)state;
    static struct training t;
    struct stat info;
    begin(&t);
    assert_ok(vit_checkpoint_save(path, &t.checkpoint));
    assert_int_equal(stat(path, &info), 0);
    cut_file(info.st_size - 1);
    assert_refused(&t, "reach past the end of the data");
    cut_file(1000);
    assert_refused(&t, "last.safetensors");
    cut_file(0);
    assert_refused(&t, "last.safetensors");
    finish(&t);
}

/* A limit on file sizes fails in the middle of the write as a full disk does, with EFBIG for ENOSPC. */
static void test_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    static struct training t, again;
    begin(&t);
    train(&t, 1);
    assert_ok(vit_checkpoint_save(path, &t.checkpoint));
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 20000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = vit_checkpoint_save(path, &t.checkpoint);
    char message[512];
    snprintf(message, sizeof message, "%s", vit_error());
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, VIT_EIO);
    assert_non_null(strstr(message, "last.safetensors: cannot write: File too large"));
    begin(&again);
    assert_ok(load(&again));
    assert_same(&t, &again);
    finish(&again);
    finish(&t);
}

static int count_files(void)
{
    DIR *stream = opendir(folder);
    int n = 0;
    assert_non_null(stream);
    for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
        n += entry->d_name[0] != '.';
    closedir(stream);
    return n;
}

/* Saves without end until it is killed; returns when the first is done. */
static pid_t start_saving(struct training *t)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    bool told = false;
    while (child == 0) {
        t->checkpoint.state.epoch++;
        if (vit_checkpoint_save(path, &t->checkpoint) != VIT_OK || (!told && write(ends[1], "", 1) != 1))
            _exit(1);
        told = true;
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static void test_kills_leave_a_whole_file(void **state)
{
    (void)state;
    static struct training t, again;
    begin(&t);
    train(&t, 1);
    assert_ok(vit_checkpoint_save(path, &t.checkpoint));
    begin(&again);
    for (int kill_no = 0; kill_no < 25; kill_no++) {
        pid_t child = start_saving(&t);
        nanosleep(&(struct timespec){.tv_nsec = 1000000 + 997000 * (kill_no % 10)}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how)); /* it had not failed before */
        assert_ok(load(&again));
        assert_same(&t, &again);
        assert_true(again.checkpoint.state.epoch > 0);
    }
    assert_in_range(count_files(), 1, 2); /* what a kill leaves is taken over by the next */
    assert_ok(vit_checkpoint_save(path, &t.checkpoint));
    assert_int_equal(count_files(), 1);
    finish(&again);
    finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_goes_on_bit_for_bit),
        cmocka_unit_test(test_checkpoint_is_a_weight_file),
        cmocka_unit_test(test_other_checkpoints_are_refused),
        cmocka_unit_test(test_other_shapes_are_refused),
        cmocka_unit_test(test_cut_files_are_told),
        cmocka_unit_test(test_full_disk_keeps_the_old_file),
        cmocka_unit_test(test_kills_leave_a_whole_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
