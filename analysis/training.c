/* SPDX-License-Identifier: MIT */
#include "analysis/training.h"

#include "model/base/clock.h"
#include "model/base/communicator.h"
#include "model/base/status.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t stopping; /* the signal that asked for it; 0: none */

static void stop(int signal_number)
{
    stopping = signal_number;
}

/* The first signal ends the run after its step, the second at once. With several ranks SIGTERM means that one is gone
 * (model/train/distributed.h). */
static void watch_signals(const struct vit_training *t, bool on)
{
    struct sigaction action = {.sa_handler = on ? stop : SIG_DFL, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    stopping = 0;
    sigaction(SIGINT, &action, NULL);
    if (!t->comm)
        sigaction(SIGTERM, &action, NULL);
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
    const double rate = (double)t->options->batch * t->options->accumulate * vit_communicator_ranks(t->comm) / time_s;
    t->shown_rate = t->shown_rate > 0 ? 0.95 * t->shown_rate + 0.05 * rate : rate;
    vit_progress_note(
        &t->progress, "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "/%" PRId64 "  loss %.4f  lr %.2e  %.0f images/s",
        t->epoch + 1, vit_schedule_epochs(&t->settings.schedule), t->step + 1, t->steps, loss, lr, t->shown_rate);
    vit_progress_update(&t->progress, done_steps(t) + 1 - t->first_step);
}

static int one_step(struct vit_training *t)
{
    const int64_t begin = vit_clock_ns(), talked_ns = t->comm ? t->comm->ns : 0, sent = t->comm ? t->comm->bytes : 0;
    const double lr = vit_schedule_lr(&t->settings.schedule, t->epoch, t->step);
    struct vit_loader_batch batch = {.broken = 0};
    struct vit_trainer_update update;
    double waited_s = 0;
    int status = VIT_OK;
    while (status == VIT_OK && vit_trainer_wants_more(&t->trainer)) {
        status = vit_communicator_agree(t->comm, vit_loader_next(t->loader, &batch));
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
    if (t->comm) {
        t->ranks.time_s += time_s;
        t->ranks.talked_s += (double)(t->comm->ns - talked_ns) / 1e9;
        t->ranks.sent += t->comm->bytes - sent;
        t->ranks.steps++;
    }
    t->loader_broken = batch.broken;
    t->sums.broken = t->broken_before + batch.broken;
    show_progress(t, update.loss, lr, time_s);
    status =
        vit_training_log_step(t, &(struct vit_training_step){update.loss, lr, update.gradient_norm, time_s, waited_s});
    t->step++;
    return vit_communicator_agree(t->comm, status);
}

static int judge(struct vit_training *t, double *loss, double *top1, double *top5)
{
    int status = vit_weights_copy(&t->judge.graph, &t->trainer.graph);
    vit_exec_prepare(&t->judge.exec);
    if (status == VIT_OK)
        status = vit_evaluate(&t->evaluation, &t->judge.exec, t->val_loader);
    status = vit_communicator_agree(t->comm, status);
    if (status == VIT_OK)
        vit_evaluation_sum(&t->evaluation, t->comm);
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
    if (!t->judge.exec.plan)
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
    if (status == VIT_OK)
        status = vit_training_save(t);
    return vit_communicator_agree(t->comm, status);
}

/* Why the run is to end before its end, the same for all ranks; NULL: it goes on. */
static const char *reason_to_stop(const struct vit_training *t)
{
    static const char *const reason[] = {NULL, "--max-steps", "--time-budget", "told to end", "interrupted"};
    const struct vit_options *o = t->options;
    int why = 0;
    if (o->max_steps && done_steps(t) >= o->max_steps)
        why = 1;
    if (o->time_budget_s > 0 && (double)(vit_clock_ns() - t->begin_ns) / 1e9 >= o->time_budget_s)
        why = 2;
    if (stopping)
        why = stopping == SIGINT ? 4 : 3;
    return reason[(int)vit_communicator_max(t->comm, why)];
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
            status = vit_communicator_agree(t->comm, vit_training_save(t));
        }
        *reason = status == VIT_OK && t->epoch < epochs ? reason_to_stop(t) : NULL;
        if (*reason)
            return t->step ? vit_communicator_agree(t->comm, vit_training_save(t)) : VIT_OK;
    }
    return status;
}

/* What the whole run made, in files of their own. */
static int save_finished(struct vit_training *t)
{
    int status = vit_training_save_weights(t, "final", false);
    if (status == VIT_OK && t->settings.trainer.ema > 0)
        status = vit_training_save_weights(t, "final_ema", true);
    return status == VIT_OK ? vit_training_write_run(t, "finished") : status;
}

/* A run may be killed between its last checkpoint and these files. */
static bool is_saved(const struct vit_training *t)
{
    static const char *const name[] = {"final", "final_ema"};
    const int n = t->settings.trainer.ema > 0 ? 2 : 1;
    bool there = true;
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.safetensors", t->folder, name[i]);
        there = there && access(path, F_OK) == 0;
    }
    return there;
}

static int train(struct vit_training *t)
{
    const char *reason = NULL;
    t->first_step = done_steps(t);
    vit_progress_open(&t->progress, t->model->name, total_steps(t) - t->first_step);
    watch_signals(t, true);
    int status = run_steps(t, &reason);
    const bool stopped = reason && *reason != '-'; /* by no option */
    if (status == VIT_ENOTFINITE)
        status = vit_fail(status, "%s; a lower --lr or --clip norm:1 may help, %s/last.safetensors stays", vit_error(),
                          t->folder);
    watch_signals(t, false);
    vit_progress_close(&t->progress);
    if (status == VIT_OK)
        status = reason ? vit_training_write_run(t, reason) : save_finished(t);
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
    if (t->epoch >= vit_schedule_epochs(&t->settings.schedule)) {
        int status = is_saved(t) ? VIT_OK : save_finished(t);
        vit_training_tell_end(t, "finished before");
        return status;
    }
    vit_training_tell_begin(t);
    int status = vit_training_log_open(t);
    if (status == VIT_OK)
        status = vit_training_write_run(t, "running");
    status = vit_communicator_agree(t->comm, status);
    return status == VIT_OK ? train(t) : status;
}

int vit_training_run(const struct vit_options *options, const char *command)
{
    static struct vit_training t; /* large */
    int status = vit_training_open(&t, options, command);
    if (status != VIT_OK)
        return status;
    status = run(&t);
    vit_training_close(&t);
    return status;
}
