/* SPDX-License-Identifier: MIT */
#include "analysis/training.h"

#include "analysis/output.h"
#include "analysis/recipe.h"
#include "analysis/run_info.h"
#include "model/base/clock.h"
#include "model/base/communicator.h"
#include "model/base/status.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Batches that wait: enough to bridge a slow image, little memory. */
enum { AHEAD = 3, JUDGE_BATCH = 100 };

static volatile sig_atomic_t stopping; /* the signal that asked for it; 0: none */

static void stop(int signal_number)
{
    stopping = signal_number;
}

/* The first signal ends the run after its step, the second at once. */
static void watch_signals(bool on)
{
    struct sigaction action = {.sa_handler = on ? stop : SIG_DFL, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    stopping = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* What is tested on: --val, or the test part of data whose training part is trained on. */
static int choose_data(struct vit_options *options)
{
    static char val[VIT_OPTION_TEXT];
    int status = vit_options_default(options, "data", "fashion-mnist:train");
    const char *part = options->data ? strstr(options->data, ":train") : NULL;
    if (status == VIT_OK && part)
        snprintf(val, sizeof val, "%.*s:test%s", (int)(part - options->data), options->data, part + strlen(":train"));
    if (status == VIT_OK)
        status = vit_options_default(options, "val", part ? val : "none");
    if (status == VIT_OK && strcmp(options->val, options->data) == 0)
        return vit_fail(VIT_EINVAL, "--val %s: these are the images that are trained on; --val none tests on none",
                        options->val);
    return status;
}

static int open_data(struct vit_training *t)
{
    const struct vit_options *options = t->options;
    int status = vit_dataset_open(&t->data, options->data);
    if (status != VIT_OK)
        return status;
    if (t->data.classes < 2)
        return vit_fail(VIT_EINVAL, "--data %s: has %s; a net learns from images with labels of two classes or more",
                        options->data, t->data.classes == 0 ? "no labels" : "one class");
    if (strcmp(options->val, "none") == 0)
        return VIT_OK;
    status = vit_dataset_open(&t->val, options->val);
    if (status == VIT_OK && t->val.classes != t->data.classes)
        status = vit_fail(VIT_EINVAL, "--val %s: has %d classes, --data %s has %d", options->val, t->val.classes,
                          options->data, t->data.classes);
    return status;
}

static int open_loaders(struct vit_training *t)
{
    const struct vit_training_settings *s = &t->settings;
    const struct vit_options *options = t->options;
    struct vit_loader_options o = {.preprocess = s->preprocess,
                                   .augment = &s->augment,
                                   .mix = &s->mix,
                                   .classes = t->data.classes,
                                   .batch = options->batch,
                                   .repeats = options->repeats,
                                   .workers = options->workers ? options->workers : 1,
                                   .ahead = AHEAD,
                                   .rank = vit_communicator_rank(s->trainer.comm),
                                   .ranks = vit_communicator_ranks(s->trainer.comm),
                                   .seed = options->seed,
                                   .shuffle = true,
                                   .drop_last = true,
                                   .strict = options->strict};
    int status = vit_loader_open(&t->loader, &t->data, &o);
    if (status != VIT_OK || !t->val.def)
        return status;
    o.augment = NULL;
    o.mix = NULL;
    o.shuffle = o.drop_last = false;
    o.repeats = o.rank = o.ranks = 0;
    o.batch = JUDGE_BATCH;
    return vit_loader_open(&t->val_loader, &t->val, &o);
}

static int open_schedule(struct vit_training *t)
{
    struct vit_training_settings *s = &t->settings;
    const struct vit_options *o = t->options;
    const int64_t images = (int64_t)o->batch * o->accumulate * vit_communicator_ranks(s->trainer.comm);
    t->steps = vit_loader_steps(t->loader) / o->accumulate;
    if (t->steps < 1)
        return vit_fail(VIT_EINVAL, "--batch %d: a step is %" PRId64 " images, --data %s has only %" PRId64, o->batch,
                        images, o->data, t->data.count);
    s->schedule.lr = s->lr_images ? s->lr * (double)images / s->lr_images : s->lr;
    s->schedule.steps_per_epoch = s->by_epoch ? 0 : t->steps;
    return vit_schedule_check(&s->schedule);
}

/* The net that is trained, as evaluation has it. */
static int open_judge(struct vit_training *t)
{
    struct vit_instance_options o = {
        .model = {.batch = JUDGE_BATCH, .graph = "folded"}, .threads = t->options->threads, .seed = t->options->seed};
    int status = t->val.def ? vit_instance_open_model(&t->judge, &t->settings.model, &o) : VIT_OK;
    return status == VIT_OK ? vit_evaluation_open(&t->evaluation, t->data.classes) : status;
}

static int open_teacher(struct vit_training *t)
{
    const char *file = t->options->distill_from;
    if (!file)
        return VIT_OK;
    int status = vit_recognise(file, &t->teacher_found);
    if (status == VIT_OK && t->teacher_found.classes != t->data.classes)
        status = vit_fail(VIT_EINVAL, "--distill-from %s: the teacher knows %d classes, the data has %d", file,
                          t->teacher_found.classes, t->data.classes);
    struct vit_instance_options o = {.model = {.batch = t->options->batch,
                                               .img = t->settings.model.config.img,
                                               .classes = t->data.classes,
                                               .graph = "folded"},
                                     .threads = t->options->threads,
                                     .weights = file};
    if (status == VIT_OK)
        status = vit_instance_open_model(&t->teacher, t->teacher_found.model, &o);
    t->settings.trainer.teacher = &t->teacher.exec;
    return status == VIT_OK ? VIT_OK : vit_fail_in(status, "--distill-from");
}

static void choose_folder(struct vit_training *t)
{
    if (t->options->out) {
        snprintf(t->folder, sizeof t->folder, "%s", t->options->out);
        return;
    }
    uint64_t hash = 14695981039346656037U; /* FNV-1a: the same command has the same folder, so that it goes on */
    for (const char *c = t->text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211U;
    snprintf(t->folder, sizeof t->folder, "runs/%s-%s-%08" PRIx32, t->command, t->model->name,
             (uint32_t)(hash ^ hash >> 32));
}

/* MODEL, or what the weights to begin with are of. */
static int choose_model(struct vit_training *t)
{
    const struct vit_options *o = t->options;
    int status = o->n_argument ? VIT_OK : vit_recognise(o->weights, &t->start);
    if (status != VIT_OK)
        return status;
    t->model = o->n_argument ? vit_model_find(o->argument[0]) : t->start.model;
    return t->model ? VIT_OK : VIT_EINVAL;
}

static bool is_frozen(const char *freeze, const char *parameter)
{
    const size_t length = strcspn(freeze, ",");
    if (strncmp(freeze, "backbone", length) == 0 && length == strlen("backbone"))
        return strncmp(parameter, "head", strlen("head")) != 0;
    return strncmp(freeze, parameter, length) == 0;
}

/* Parameters that --freeze names do not move; running statistics do. */
static int freeze(struct vit_training *t)
{
    const char *names = t->options->freeze;
    const struct vit_optimizer *optimizer = &t->trainer.optimizer;
    for (const char *name = names; strcmp(names, "none") != 0 && name; name = strchr(name, ',')) {
        int frozen = 0;
        name += *name == ',';
        for (int i = 0; i < optimizer->parameters.n; i++)
            if (is_frozen(name, optimizer->parameters.tensor[i]->name)) {
                optimizer->lr_scale[i] = 0;
                frozen++;
            }
        if (!frozen)
            return vit_fail(VIT_EINVAL, "--freeze %s: no parameter of %s begins with %.*s", names, t->model->name,
                            (int)strcspn(name, ","), name);
    }
    return VIT_OK;
}

/* The weights to begin with, where they are not random. */
static int load_start(struct vit_training *t)
{
    if (!t->options->weights)
        return VIT_OK;
    int status = vit_weights_load_body(&t->trainer.graph, t->options->weights, &t->start_report);
    return status == VIT_OK ? vit_trainer_restart_average(&t->trainer) : status;
}

static int open_training(struct vit_training *t)
{
    int status = open_data(t);
    if (status == VIT_OK)
        status = vit_training_settings_read(&t->settings, t->options, t->model, t->data.classes);
    if (status == VIT_OK && !(t->text = vit_training_settings_text(t->options, t->model->name)))
        status = vit_fail(VIT_ENOMEM, "out of memory: text of the settings");
    if (status != VIT_OK)
        return status;
    choose_folder(t);
    status = vit_run_folder(t->folder);
    if (status == VIT_OK)
        status = vit_training_peek(t);
    if (status == VIT_OK)
        status = open_loaders(t);
    if (status == VIT_OK)
        status = open_schedule(t);
    if (status == VIT_OK)
        status = open_teacher(t);
    if (status == VIT_OK)
        status = vit_trainer_open(&t->trainer, &t->settings.model, &t->settings.trainer);
    if (status == VIT_OK)
        status = load_start(t);
    if (status == VIT_OK)
        status = freeze(t);
    return status == VIT_OK ? open_judge(t) : status;
}

static void close_training(struct vit_training *t)
{
    vit_progress_close(&t->progress);
    vit_csv_log_close(&t->metrics);
    vit_csv_log_close(&t->epochs);
    vit_sink_abort(&t->rows);
    vit_evaluation_close(&t->evaluation);
    if (t->judge.exec.plan)
        vit_instance_close(&t->judge);
    vit_trainer_close(&t->trainer);
    if (t->teacher.exec.plan)
        vit_instance_close(&t->teacher);
    vit_loader_close(t->val_loader);
    vit_loader_close(t->loader);
    if (t->val.def)
        vit_dataset_close(&t->val);
    if (t->data.def)
        vit_dataset_close(&t->data);
    free(t->text);
}

static int64_t total_steps(const struct vit_training *t)
{
    return vit_schedule_epochs(&t->settings.schedule) * t->steps;
}

static int64_t done_steps(const struct vit_training *t)
{
    return t->epoch * t->steps + t->step;
}

/* Loss of the last step, and a rate that follows the last twenty or so. */
static void show_progress(struct vit_training *t, double loss, double lr, double time_s)
{
    const double images = (double)t->options->batch * t->options->accumulate, rate = images / time_s;
    t->shown_rate = t->shown_rate > 0 ? 0.95 * t->shown_rate + 0.05 * rate : rate;
    vit_progress_note(
        &t->progress, "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "/%" PRId64 "  loss %.4f  lr %.2e  %.0f images/s",
        t->epoch + 1, vit_schedule_epochs(&t->settings.schedule), t->step + 1, t->steps, loss, lr, t->shown_rate);
    vit_progress_update(&t->progress, done_steps(t) + 1 - t->first_step);
}

static int one_step(struct vit_training *t)
{
    const int64_t begin = vit_clock_ns();
    const double lr = vit_schedule_lr(&t->settings.schedule, t->epoch, t->step);
    struct vit_loader_batch batch = {.broken = 0};
    struct vit_trainer_update update;
    double waited_s = 0;
    int status = VIT_OK;
    while (status == VIT_OK && vit_trainer_wants_more(&t->trainer)) {
        status = vit_loader_next(t->loader, &batch);
        if (status == VIT_OK)
            status = vit_trainer_learn(&t->trainer, &batch);
        waited_s += batch.waited_s;
    }
    if (status == VIT_OK)
        status = vit_trainer_update(&t->trainer, lr, &update);
    if (status != VIT_OK)
        return status;
    const double time_s = (double)(vit_clock_ns() - begin) / 1e9;
    t->sums.loss += update.loss;
    t->sums.time_s += time_s;
    t->sums.waited_s += waited_s;
    t->loader_broken = batch.broken;
    t->sums.broken = t->broken_before + batch.broken;
    show_progress(t, update.loss, lr, time_s);
    status =
        vit_training_log_step(t, &(struct vit_training_step){update.loss, lr, update.gradient_norm, time_s, waited_s});
    t->step++;
    return status;
}

static int judge(struct vit_training *t, double *loss, double *top1, double *top5)
{
    int status = vit_weights_copy(&t->judge.graph, &t->trainer.graph);
    vit_exec_prepare(&t->judge.exec);
    if (status == VIT_OK)
        status = vit_evaluate(&t->evaluation, &t->judge.exec, t->val_loader);
    const double images = (double)t->evaluation.images;
    if (status == VIT_OK && t->evaluation.images == 0)
        return vit_fail(VIT_EIO, "--val %s: none of its images can be read", t->options->val);
    *loss = t->evaluation.loss / images;
    *top1 = 100 * (double)t->evaluation.first / images;
    *top5 = 100 * (double)t->evaluation.five / images;
    return status;
}

/* The better one of weights and their average is kept. */
static int keep_best(struct vit_training *t, const struct vit_training_scores *s)
{
    const bool average = s->ema_top1 > s->top1;
    const double top1 = average ? s->ema_top1 : s->top1;
    if (!(top1 > t->best))
        return VIT_OK;
    t->best = top1;
    t->best_epoch = t->epoch + 1;
    return vit_training_save_weights(t, "best", average);
}

static int evaluate(struct vit_training *t, struct vit_training_scores *s)
{
    *s = (struct vit_training_scores){NAN, NAN, NAN, NAN, NAN, NAN, 0};
    if (!t->val.def)
        return VIT_OK;
    const int64_t begin = vit_clock_ns();
    int status = judge(t, &s->val_loss, &s->top1, &s->top5);
    if (status == VIT_OK && t->settings.trainer.ema > 0) {
        vit_ema_swap(&t->trainer.ema);
        status = judge(t, &s->ema_loss, &s->ema_top1, &s->ema_top5);
        vit_ema_swap(&t->trainer.ema);
    }
    s->time_s = (double)(vit_clock_ns() - begin) / 1e9;
    return status == VIT_OK ? keep_best(t, s) : status;
}

static int end_epoch(struct vit_training *t)
{
    struct vit_training_scores scores;
    int status = evaluate(t, &scores);
    if (status == VIT_OK)
        status = vit_training_log_epoch(t, &scores);
    t->epoch++;
    t->step = 0;
    t->sums = (struct vit_training_epoch){0};
    t->broken_before = -t->loader_broken;
    return status == VIT_OK ? vit_training_save(t) : status;
}

/* Why the run is to end before its end, or NULL. */
static const char *reason_to_stop(const struct vit_training *t)
{
    const struct vit_options *o = t->options;
    if (stopping)
        return stopping == SIGINT ? "interrupted" : "told to end";
    if (o->max_steps && done_steps(t) >= o->max_steps)
        return "--max-steps";
    if (o->time_budget_s > 0 && (double)(vit_clock_ns() - t->begin_ns) / 1e9 >= o->time_budget_s)
        return "--time-budget";
    return NULL;
}

/* All epochs that are left, or VIT_OK with *reason. */
static int run_steps(struct vit_training *t, const char **reason)
{
    const int64_t epochs = vit_schedule_epochs(&t->settings.schedule);
    int status = vit_loader_seek(t->loader, t->epoch, t->step * t->options->accumulate);
    while (status == VIT_OK && t->epoch < epochs) {
        status = one_step(t);
        if (status == VIT_OK && t->step == t->steps) {
            status = end_epoch(t);
            if (status == VIT_OK && t->epoch < epochs)
                status = vit_loader_seek(t->loader, t->epoch, 0);
        } else if (status == VIT_OK && t->options->checkpoint_every &&
                   done_steps(t) % t->options->checkpoint_every == 0) {
            status = vit_training_save(t);
        }
        *reason = status == VIT_OK && t->epoch < epochs ? reason_to_stop(t) : NULL;
        if (*reason)
            return t->step ? vit_training_save(t) : VIT_OK;
    }
    return status;
}

static int train(struct vit_training *t)
{
    const char *reason = NULL;
    t->first_step = done_steps(t);
    vit_progress_open(&t->progress, t->model->name, total_steps(t) - t->first_step);
    watch_signals(true);
    int status = run_steps(t, &reason);
    const bool stopped = reason && stopping;
    if (status == VIT_ENOTFINITE)
        status = vit_fail(status, "%s; a lower --lr or --clip norm:1 may help, %s/last.safetensors stays", vit_error(),
                          t->folder);
    watch_signals(false);
    vit_progress_close(&t->progress);
    if (status == VIT_OK && !reason)
        status = vit_training_save_weights(t, "final", false);
    if (status == VIT_OK && !reason && t->settings.trainer.ema > 0)
        status = vit_training_save_weights(t, "final_ema", true);
    if (status == VIT_OK)
        status = vit_training_write_run(t, reason ? reason : "finished");
    if (status == VIT_OK && stopped)
        return vit_fail(VIT_ESTOPPED,
                        "%s after step %" PRId64 " of %" PRId64 "; the same command goes on from %s/last.safetensors",
                        reason, done_steps(t), total_steps(t), t->folder);
    if (status == VIT_OK)
        vit_training_tell_end(t, reason);
    return status;
}

static int run(struct vit_training *t)
{
    int status = open_training(t);
    if (status == VIT_OK)
        status = vit_training_restore(t);
    if (status != VIT_OK)
        return status;
    if (t->epoch >= vit_schedule_epochs(&t->settings.schedule)) {
        vit_training_tell_end(t, "finished before");
        return VIT_OK;
    }
    vit_training_tell_begin(t);
    status = vit_training_log_open(t);
    if (status == VIT_OK)
        status = vit_training_write_run(t, "running");
    return status == VIT_OK ? train(t) : status;
}

int vit_training_run(const struct vit_options *given, const char *command)
{
    struct vit_options options = *given;
    static struct vit_training t;
    t = (struct vit_training){.options = &options, .command = command, .best = -1, .begin_ns = vit_clock_ns()};
    int status = choose_model(&t);
    if (status == VIT_OK)
        status = vit_recipe_apply(&options, t.model->name);
    if (status == VIT_OK)
        status = choose_data(&options);
    if (status == VIT_OK)
        status = run(&t);
    close_training(&t);
    return status;
}
