/* SPDX-License-Identifier: MIT */
#include "analysis/prune.h"

#include "analysis/command.h"
#include "analysis/instance.h"
#include "analysis/run_info.h"
#include "analysis/training.h"
#include "model/base/status.h"
#include "model/weights/safetensors.h"
#include "reports/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_state(struct vit_prune *p, const struct vit_safetensors *file)
{
    const char *settings = vit_safetensors_text(file, VIT_PRUNE_SETTINGS),
               *round = vit_safetensors_text(file, VIT_PRUNE_ROUND),
               *time_share = vit_safetensors_text(file, VIT_PRUNE_TIME);
    if (!settings || !round || !time_share || atoi(round) < 1)
        return vit_fail(VIT_EFORMAT, "%s: is not a file that `vitscope prune` wrote; choose another --out", p->pruned);
    p->round = atoi(round);
    p->time_share = strtod(time_share, NULL);
    return vit_training_settings_compare(settings, p->text, p->folder);
}

/* Goes on where the folder has a network that went through some rounds. */
static int restore(struct vit_prune *p)
{
    struct vit_safetensors file;
    if (access(p->pruned, F_OK) != 0)
        return VIT_OK;
    int status = vit_safetensors_open(&file, p->pruned);
    if (status != VIT_OK)
        return status;
    status = read_state(p, &file);
    vit_safetensors_close(&file);
    if (status == VIT_OK)
        status = vit_recognise(p->pruned, &p->kept);
    if (status != VIT_OK)
        return status;
    p->now = p->kept.own;
    p->now.model.name = p->now.label;
    return vit_prune_measure_size(&p->now.model, &p->size);
}

static int choose_model(struct vit_prune *p)
{
    const struct vit_options *o = p->options;
    int status = vit_recognise_model(&p->found, o->n_argument ? o->argument[0] : NULL, o->weights, NULL);
    if (status != VIT_OK)
        return status;
    p->whole.model = *p->found.model;
    p->whole.model.config.classes = p->found.classes;
    status = vit_model_change(&p->whole, NULL);
    p->now = p->whole;
    p->now.model.name = p->now.label;
    return status == VIT_OK ? vit_prune_measure_size(&p->whole.model, &p->whole_size) : status;
}

static int open_val(struct vit_prune *p)
{
    const struct vit_options *o = p->options;
    if (strcmp(o->val, "none") == 0)
        return VIT_OK;
    int status = vit_dataset_open(&p->val, o->val);
    if (status != VIT_OK)
        return status;
    const int classes = p->whole.model.config.classes;
    if (p->val.classes != classes)
        return vit_fail(VIT_EINVAL, "--val %s: has %d classes, the network %d", o->val, p->val.classes, classes);
    status = vit_loader_open(
        &p->loader, &p->val,
        &(struct vit_loader_options){.preprocess = vit_model_preprocess(&p->whole.model, p->whole.model.config.img),
                                     .classes = classes,
                                     .batch = VIT_PRUNE_JUDGE_BATCH,
                                     .workers = o->workers ? o->workers : 1,
                                     .ahead = 3});
    return status == VIT_OK ? vit_evaluation_open(&p->evaluation, classes) : status;
}

static int open_prune(struct vit_prune *p)
{
    struct vit_options *o = &p->complete;
    const char *weights = o->weights ? o->weights : o->n_argument ? o->argument[0] : NULL;
    if (!o->weights && !vit_is_weight_file(weights))
        return vit_fail(VIT_EINVAL, "needs --weights FILE: a network that has learned");
    snprintf(p->weights, sizeof p->weights, "%s", weights);
    snprintf(p->pruned, sizeof p->pruned, "%s/pruned.safetensors", p->folder);
    snprintf(p->rows_path, sizeof p->rows_path, "%s/rounds.csv", p->folder);
    int status = vit_training_choose_data(o);
    if (status == VIT_OK)
        status = choose_model(p);
    if (status == VIT_OK)
        status = vit_prune_plan_read(&p->plan, o, &p->whole.model);
    if (status == VIT_OK)
        status = open_val(p);
    if (status == VIT_OK && !(p->text = vit_prune_text(p)))
        status = vit_fail(VIT_ENOMEM, "out of memory: text of the settings");
    if (status == VIT_OK)
        status = restore(p);
    return status == VIT_OK
               ? vit_csv_log_open(&p->rows, p->rows_path, &vit_prune_round_schema, p->round ? p->round + 1 : 0)
               : status;
}

void vit_prune_close(struct vit_prune *p)
{
    vit_csv_log_close(&p->rows);
    vit_evaluation_close(&p->evaluation);
    vit_loader_close(p->loader);
    if (p->val.def)
        vit_dataset_close(&p->val);
    free(p->text);
    *p = (struct vit_prune){0};
}

/* Row 0: the whole network. */
static int begin(struct vit_prune *p)
{
    const struct vit_prune_network whole = {.model = &p->whole.model, .file = p->weights};
    const struct vit_prune_network now = {.model = &p->now.model, .file = p->pruned};
    int status = vit_prune_evaluate(p, &whole, &p->whole_quality);
    if (status == VIT_OK && p->round)
        return vit_prune_evaluate(p, &now, &p->quality);
    p->size = p->whole_size;
    p->quality = p->whole_quality;
    return status == VIT_OK ? vit_prune_log_round(p, 0) : status;
}

static bool is_reached(const struct vit_prune *p)
{
    if (p->round == 0)
        return false;
    return (p->plan.resource == VIT_PRUNE_LATENCY ? p->time_share : vit_prune_share(p, &p->size)) <= p->plan.share;
}

/* Equal steps. A budget of latency takes steps of MACs until it is met, at most twice as many as were planned. */
static int run_rounds(struct vit_prune *p)
{
    struct vit_progress progress;
    const double step = (1 - p->plan.share) / p->plan.rounds;
    int status = VIT_OK;
    vit_progress_open(&progress, "pruning", p->plan.rounds);
    while (status == VIT_OK && !is_reached(p)) {
        const double goal = 1 - step * (p->round + 1);
        if (p->round >= 2 * p->plan.rounds || goal <= 0)
            status = vit_fail(VIT_EINVAL, "--to %s: after %d rounds the network takes %.3f of the time; %s keeps it",
                              p->options->to, p->round, p->time_share, p->pruned);
        else
            status = vit_prune_round(p, p->round + 1 == p->plan.rounds ? p->plan.share : goal);
        vit_progress_update(&progress, p->round);
    }
    vit_progress_close(&progress);
    return status;
}

/* By the code of `vitscope finetune`: a gentle rate where nothing else is said, and no model settings of a recipe. */
static int fine_tune(struct vit_prune *p)
{
    struct vit_options o = *p->options;
    char folder[4096], side[16], set[32], file[4200];
    snprintf(folder, sizeof folder, "%s/finetune", p->folder);
    snprintf(side, sizeof side, "%d", p->whole.model.config.img);
    snprintf(set, sizeof set, "img=%s", side);
    o.weights = p->pruned;
    o.out = folder;
    o.quiet = true;
    o.n_argument = 0;
    const char *const settings[][2] = {{"weights", p->pruned}, {"epochs", "1"}, {"set", set},
                                       {"img", side},          {"lr", "3e-4"},  {"warmup-epochs", "0"}};
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && status == VIT_OK; i++)
        status = vit_options_default(&o, settings[i][0], settings[i][1]);
    o.set = set;                  /* not the text inside these options, which are copied */
    o.epochs = o.finetune_epochs; /* --epochs is of the comparison */
    if (status == VIT_OK)
        status = vit_training_run(&o, "finetune");
    snprintf(file, sizeof file, "%s/final.safetensors", folder);
    const struct vit_prune_network tuned = {.model = &p->now.model, .file = file};
    return status == VIT_OK ? vit_prune_evaluate(p, &tuned, &p->tuned_quality) : status;
}

int vit_prune_run(struct vit_prune *p, const struct vit_options *options, const char *folder)
{
    *p = (struct vit_prune){.complete = *options, .folder = folder, .time_share = NAN, .tuned_quality = {NAN, NAN}};
    p->options = &p->complete;
    int status = open_prune(p);
    if (status == VIT_OK)
        status = begin(p);
    if (status == VIT_OK)
        status = run_rounds(p);
    if (status == VIT_OK && options->finetune_epochs)
        status = fine_tune(p);
    if (status == VIT_OK)
        status = vit_prune_time(p->options, &p->whole.model, &p->now.model, &p->speedup);
    if (status == VIT_OK && options->reallocate)
        status = vit_prune_compare(p);
    if (status == VIT_OK)
        status = vit_prune_write(p);
    if (status != VIT_OK)
        vit_prune_close(p);
    return status;
}

static int run(const struct vit_options *options)
{
    static struct vit_prune p; /* its parts point at each other */
    if (!options->out)
        return vit_fail(VIT_EINVAL, "needs --out DIR: the same command goes on there after a kill");
    int status = vit_run_folder(options->out);
    if (status == VIT_OK)
        status = vit_prune_run(&p, options, options->out);
    if (status != VIT_OK)
        return status;
    status = vit_prune_print(&p, options);
    vit_prune_close(&p);
    return status;
}

const struct vit_command vit_command_prune = {
    .name = "prune",
    .arguments = "[MODEL]",
    .summary = "a smaller network from one that has learned: channels that the loss needs least are removed",
    .detail =
        "In each round the groups of channels (--kinds: query with key, value with its column of the projection,\n"
        "hidden channel of an FFN, head, embedding) are scored by gradient times weight over some batches of --data,\n"
        "and those of the least scores are taken out, until params, MACs or measured time are --to a share of what\n"
        "they were. All heads of a block stay equally wide; one of everything is kept. What is written is a smaller\n"
        "network, which loads, runs and learns like any other. With --finetune-epochs it then learns on (options as\n"
        "of finetune).\n\n"
        "The folder gets rounds.csv (a row per round), widths.csv (a row per block, before and after), result.csv,\n"
        "run.json, pruned.safetensors and finetune/ (final.safetensors). The same command goes on after a kill.\n"
        "--reallocate also widens what is left, all by one factor, until it needs as much as the whole network, and\n"
        "trains both from random weights alike for --epochs: reallocation.csv.\n\n"
        "  vitscope prune --weights runs/swin/final.safetensors --to macs=0.7 --out runs/pruned\n"
        "  vitscope prune --weights runs/swin/final.safetensors --to params=0.6 --criterion magnitude --rounds 10 \\\n"
        "      --batches 20 --momentum 0.9 --finetune-epochs 2 --out runs/pruned\n"
        "  vitscope prune --weights runs/m0/final.safetensors --to latency=0.8 --kinds ffn --out runs/fast\n"
        "  vitscope eval --weights runs/pruned/pruned.safetensors\n",
    .takes = "weights to criterion kinds per rounds batches batch momentum data val finetune-epochs reallocate epochs "
             "recipe accumulate optimizer lr min-lr warmup-lr warmup-epochs cooldown-epochs schedule weight-decay clip "
             "ema smoothing mixup cutmix augment repeats crop seed threads workers isa warmup min-time repeat strict "
             "out format",
    .max_arguments = 1,
    .all_threads = true,
    .run = run,
};
