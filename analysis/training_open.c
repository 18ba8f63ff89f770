/* SPDX-License-Identifier: MIT */
/* training_open.c - what a training works with: ranks, data, network, teacher, folder. */
#include "analysis/training.h"

#include "analysis/output.h"
#include "analysis/recipe.h"
#include "analysis/run_info.h"
#include "model/base/clock.h"
#include "model/base/communicator.h"
#include "model/base/status.h"
#include "model/weights/names.h"
#include "model/train/distributed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Batches that wait: enough to bridge a slow image, little memory. */
enum { AHEAD = 3, JUDGE_BATCH = 100 };

/* The images that belong to those of a training: what a split leaves (data@train=0.9: data@val=0.1), or the other part
 * of the data (data:train: data:test, of ImageNet data:val). Empty: none. */
static void find_val(char val[VIT_OPTION_TEXT], const char *data)
{
    static const char split[] = "@train=", part[] = ":train";
    const char *at = strstr(data, split), *colon = strstr(data, part),
               *other = strncmp(data, "imagenet:", 9) ? "test" : "val";
    char *end = NULL;
    const double share = at ? strtod(at + strlen(split), &end) : 0;
    *val = '\0';
    if (at && share > 0 && share < 1)
        snprintf(val, VIT_OPTION_TEXT, "%.*s@val=%.10g%s", (int)(at - data), data, 1 - share, end);
    else if (colon)
        snprintf(val, VIT_OPTION_TEXT, "%.*s:%s%.*s", (int)(colon - data), data, other,
                 (int)strcspn(colon + strlen(part), "@"), colon + strlen(part));
}

int vit_training_choose_data(struct vit_options *options)
{
    static char val[VIT_OPTION_TEXT]; /* options borrow it */
    int status = vit_options_default(options, "data", "fashion-mnist:train");
    if (status != VIT_OK)
        return status;
    find_val(val, options->data);
    status = vit_options_default(options, "val", *val ? val : "none");
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
                                   .rank = vit_communicator_rank(t->comm),
                                   .ranks = vit_communicator_ranks(t->comm),
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
    o.repeats = 0;
    o.batch = JUDGE_BATCH;
    return vit_loader_open(&t->val_loader, &t->val, &o);
}

static int open_schedule(struct vit_training *t)
{
    struct vit_training_settings *s = &t->settings;
    const struct vit_options *o = t->options;
    const int64_t images = (int64_t)o->batch * o->accumulate * vit_communicator_ranks(t->comm);
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
    int status = t->val.def ? vit_instance_open_model(&t->judge, &t->settings.choice.model, &o) : VIT_OK;
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
                                               .img = t->settings.choice.model.config.img,
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
    snprintf(t->folder, sizeof t->folder, "runs/%s-%s-%08" PRIx32, t->command, t->model->variant,
             (uint32_t)(hash ^ hash >> 32));
}

/* MODEL, or what the weights to begin with are of. */
static int choose_model(struct vit_training *t)
{
    const struct vit_options *o = t->options;
    int status = vit_recognise_model(&t->start, o->n_argument ? o->argument[0] : NULL, o->weights, NULL);
    t->model = t->start.model;
    return status;
}

static bool is_frozen(const char *freeze, const char *parameter)
{
    const size_t length = strcspn(freeze, ",");
    if (strncmp(freeze, "backbone", length) == 0 && length == strlen("backbone"))
        return !vit_name_is_head(parameter);
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

static bool is_first(const struct vit_training *t)
{
    return vit_communicator_rank(t->comm) == 0;
}

/* The processors of a machine are shared by the ranks on it, where --threads does not say more. */
static int choose_threads(struct vit_training *t)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%d", vit_distributed_threads());
    return t->comm ? vit_options_default(&t->complete, "threads", threads) : VIT_OK;
}

/* The options that are complete, and what they ask for. */
static int open_settings(struct vit_training *t)
{
    int status = choose_model(t);
    if (status == VIT_OK)
        status = vit_recipe_apply(&t->complete, t->model->name);
    if (status == VIT_OK)
        status = vit_training_choose_data(&t->complete);
    if (status == VIT_OK)
        status = choose_threads(t);
    if (status == VIT_OK)
        status = open_data(t);
    if (status == VIT_OK)
        status = vit_training_settings_read(&t->settings, t->options, t->model, t->data.classes);
    t->settings.trainer.comm = t->comm;
    if (status == VIT_OK &&
        !(t->text = vit_training_settings_text(t->options, t->model->name, vit_communicator_ranks(t->comm))))
        status = vit_fail(VIT_ENOMEM, "out of memory: text of the settings");
    return status;
}

static int open_folder(struct vit_training *t)
{
    choose_folder(t);
    int status = is_first(t) ? vit_run_folder(t->folder) : VIT_OK;
    status = vit_communicator_agree(t->comm, status);
    return status == VIT_OK ? vit_training_peek(t) : status;
}

static int open_network(struct vit_training *t)
{
    int status = open_teacher(t);
    if (status == VIT_OK)
        status = vit_trainer_open(&t->trainer, &t->settings.choice.model, &t->settings.trainer);
    if (status == VIT_OK)
        status = load_start(t);
    if (status == VIT_OK)
        status = freeze(t);
    return status == VIT_OK ? open_judge(t) : status;
}

int vit_training_open(struct vit_training *t, const struct vit_options *options, const char *command)
{
    *t = (struct vit_training){
        .complete = *options, .options = &t->complete, .command = command, .best = -1, .begin_ns = vit_clock_ns()};
    int status = vit_distributed_open(&t->comm);
    if (status != VIT_OK)
        return status;
    status = vit_communicator_agree(t->comm, open_settings(t));
    if (status == VIT_OK)
        status = open_folder(t);
    if (status == VIT_OK)
        status = open_loaders(t);
    if (status == VIT_OK)
        status = open_schedule(t);
    if (status == VIT_OK)
        status = open_network(t);
    status = vit_communicator_agree(t->comm, status);
    if (status == VIT_OK)
        status = vit_communicator_agree(t->comm, vit_training_restore(t));
    if (status != VIT_OK)
        vit_training_close(t);
    return status;
}

void vit_training_close(struct vit_training *t)
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
    vit_distributed_close(t->comm);
}
