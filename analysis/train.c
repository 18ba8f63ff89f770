/* SPDX-License-Identifier: MIT */
/* train.c - `vitscope train`: a network learns from images. */
#include "analysis/command.h"
#include "analysis/recipe.h"
#include "analysis/training.h"
#include "model/base/status.h"
#include "model/data/augment.h"

#include <string.h>

static int run(const struct vit_options *options)
{
    if (options->recipe && strcmp(options->recipe, "list") == 0)
        return vit_recipe_print(options);
    if (options->n_argument == 0)
        return vit_fail(VIT_EINVAL, "needs MODEL");
    return vit_training_run(options, "train");
}

static void print_augmentation(FILE *out)
{
    fprintf(out, "\naugmentation (`vitscope data SPEC --augment TEXT --sheet FILE` draws it):\n");
    vit_augment_print_names(out);
}

const struct vit_command vit_command_train = {
    .name = "train",
    .arguments = "MODEL",
    .summary = "a network learns from labelled images",
    .detail =
        "Trains from random weights on --data (default fashion-mnist:train) and tests on --val after each epoch.\n"
        "Settings come from the recipe (default quick), single options override them; `--recipe list` shows all with\n"
        "their sources. One seed decides everything: the same command gives the same losses, with any number of\n"
        "threads and workers. Killed at any moment, the same command goes on at the last checkpoint and ends with the\n"
        "same weights. `mpirun -n 2 vitscope train ...` shares each step among processes; --batch is of one of "
        "them.\n\n"
        "The folder (--out, default runs/train-MODEL-KEY, where KEY follows from the settings) gets metrics.csv (a\n"
        "row per step), epochs.csv, run.json, learning_curves.png and .svg, last.safetensors (checkpoint),\n"
        "best.safetensors (weights of the best epoch on --val, or their average if that was better),\n"
        "final.safetensors and, with --ema, final_ema.safetensors. Weights are read by eval, classify and all that\n"
        "take --weights.\n\n"
        "  vitscope train efficientvit_m0 --recipe fashion\n"
        "  vitscope train efficientvit_m0 --img 64 --epochs 10\n"
        "  vitscope train deit_tiny --recipe paper --data imagenet/train --val imagenet/val --batch 64 --accumulate 4\n"
        "  vitscope train deit_tiny --img 64 --distill-from runs/m0/best.safetensors --distill hard\n"
        "  vitscope train --recipe list\n",
    .more = print_augmentation,
    .takes =
        "data val set img recipe epochs batch accumulate optimizer lr min-lr warmup-lr warmup-epochs cooldown-epochs "
        "schedule weight-decay momentum clip ema smoothing mixup cutmix augment repeats crop distill-from distill "
        "alpha "
        "tau seed threads workers isa out max-steps time-budget checkpoint-every strict format",
    .max_arguments = 1,
    .all_threads = true,
    .run = run,
};
