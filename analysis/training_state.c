/* SPDX-License-Identifier: MIT */
/* training_state.c - checkpoint (last.safetensors) and weights of a training. */
#include "analysis/training.h"

#include "model/base/clock.h"
#include "model/base/communicator.h"
#include "model/base/status.h"
#include "reports/number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char settings_key[] = "vitscope.settings", broken_key[] = "vitscope.broken", best_key[] = "vitscope.best",
                  best_epoch_key[] = "vitscope.best_epoch", elapsed_key[] = "vitscope.elapsed_s";

static void checkpoint_path(char path[4096], const struct vit_training *t)
{
    snprintf(path, 4096, "%s/last.safetensors", t->folder);
}

int vit_training_peek(const struct vit_training *t)
{
    char path[4096];
    struct vit_checkpoint_file file;
    checkpoint_path(path, t);
    if (access(path, F_OK) != 0)
        return VIT_OK;
    int status = vit_checkpoint_open(&file, path);
    if (status != VIT_OK)
        return status;
    const char *there = vit_checkpoint_text(&file, settings_key);
    status = there ? vit_training_settings_compare(there, t->text, t->folder)
                   : vit_fail(VIT_EFORMAT, "%s: is not a checkpoint that `vitscope train` wrote", path);
    vit_checkpoint_close(&file);
    return status;
}

static double number_of(const struct vit_checkpoint_file *file, const char *key)
{
    const char *text = vit_checkpoint_text(file, key);
    return text ? strtod(text, NULL) : 0;
}

int vit_training_restore(struct vit_training *t)
{
    char path[4096];
    struct vit_checkpoint_file file;
    checkpoint_path(path, t);
    if (access(path, F_OK) != 0)
        return VIT_OK;
    int status = vit_checkpoint_open(&file, path);
    if (status != VIT_OK)
        return status;
    struct vit_checkpoint c = {.graph = &t->trainer.graph,
                               .optimizer = &t->trainer.optimizer,
                               .ema = t->settings.trainer.ema > 0 ? &t->trainer.ema : NULL};
    status = vit_checkpoint_load(&file, &c);
    t->epoch = c.state.epoch;
    t->step = c.state.step;
    t->broken_before = (int64_t)number_of(&file, broken_key);
    t->best = number_of(&file, best_key);
    t->best_epoch = (int64_t)number_of(&file, best_epoch_key);
    t->before_s = number_of(&file, elapsed_key);
    vit_checkpoint_close(&file);
    if (status == VIT_OK && (t->epoch < 0 || t->step < 0 || t->step >= t->steps))
        return vit_fail(VIT_EFORMAT,
                        "%s: stands at epoch %" PRId64 ", step %" PRId64 "; an epoch has %" PRId64 " steps", path,
                        t->epoch, t->step, t->steps);
    return status;
}

/* Texts that make a file tell what it is of: its network, and how images are brought to it. */
enum { N_DESCRIBING = 5 };

struct describing {
    struct vit_safetensors_pair pair[N_DESCRIBING];
    char *config, crop[VIT_NUMBER_BYTES];
};

static int describe(struct describing *d, const struct vit_training *t)
{
    const char *family = t->settings.choice.model.family->name;
    d->config = vit_config_text(&t->settings.choice.model.config, family);
    if (!d->config)
        return vit_fail(VIT_ENOMEM, "out of memory: text of the configuration");
    vit_number_exact(d->crop, t->settings.preprocess.crop_percentage);
    const struct vit_safetensors_pair pair[N_DESCRIBING] = {{"vitscope.model", t->settings.choice.model.variant},
                                                            {"vitscope.family", family},
                                                            {"vitscope.config", d->config},
                                                            {"vitscope.crop", d->crop},
                                                            {settings_key, t->text}};
    memcpy(d->pair, pair, sizeof pair);
    return VIT_OK;
}

int vit_training_save(struct vit_training *t)
{
    enum { N = N_DESCRIBING - 1 + 4 }; /* the model is written by vit_checkpoint_save */
    char path[4096], broken[24], best[VIT_NUMBER_BYTES], best_epoch[24], elapsed[VIT_NUMBER_BYTES];
    struct describing d;
    if (vit_communicator_rank(t->comm) != 0)
        return VIT_OK;
    int status = vit_training_log_sync(t); /* rows first: a checkpoint must find all that it knows of */
    if (status == VIT_OK)
        status = describe(&d, t);
    if (status != VIT_OK)
        return status;
    checkpoint_path(path, t);
    snprintf(broken, sizeof broken, "%" PRId64, t->sums.broken);
    snprintf(best_epoch, sizeof best_epoch, "%" PRId64, t->best_epoch);
    vit_number_exact(best, t->best);
    vit_number_exact(elapsed, t->before_s + (double)(vit_clock_ns() - t->begin_ns) / 1e9);
    struct vit_safetensors_pair text[N] = {
        {broken_key, broken}, {best_key, best}, {best_epoch_key, best_epoch}, {elapsed_key, elapsed}};
    memcpy(text + 4, d.pair + 1, sizeof d.pair - sizeof d.pair[0]);
    status = vit_checkpoint_save(
        path, &(struct vit_checkpoint){.graph = &t->trainer.graph,
                                       .optimizer = &t->trainer.optimizer,
                                       .ema = t->settings.trainer.ema > 0 ? &t->trainer.ema : NULL,
                                       .state = {.seed = t->options->seed, .epoch = t->epoch, .step = t->step},
                                       .text = text,
                                       .n_text = N});
    free(d.config);
    return status;
}

int vit_training_save_weights(struct vit_training *t, const char *name, bool average)
{
    char path[4096];
    struct describing d;
    if (vit_communicator_rank(t->comm) != 0)
        return VIT_OK;
    int status = describe(&d, t);
    if (status != VIT_OK)
        return status;
    snprintf(path, sizeof path, "%s/%s.safetensors", t->folder, name);
    if (average)
        vit_ema_swap(&t->trainer.ema);
    status = vit_weights_save(&t->trainer.graph, path, &(struct vit_weights_metadata){d.pair, N_DESCRIBING});
    if (average)
        vit_ema_swap(&t->trainer.ema);
    free(d.config);
    return status;
}
