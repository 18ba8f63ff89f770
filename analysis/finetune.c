/* SPDX-License-Identifier: MIT */
/* finetune.c - `vitscope finetune`: a network that has learned goes on with other images. */
#include "analysis/command.h"
#include "analysis/training.h"
#include "model/base/status.h"
#include "model/data/augment.h"

static int run(const struct vit_options *options)
{
    if (!options->weights)
        return vit_fail(VIT_EINVAL, "needs --weights FILE");
    return vit_training_run(options, "finetune");
}

static void print_augmentation(FILE *out)
{
    fprintf(out, "\naugmentation (`vitscope data SPEC --augment TEXT --sheet FILE` draws it):\n");
    vit_augment_print_names(out);
}

const struct vit_command vit_command_finetune = {
    .name = "finetune",
    .arguments = "[MODEL]",
    .summary = "a network with given weights learns from other images",
    .detail = "As `vitscope train`, but from the weights of a file: published ones or one's own. The head is new where "
              "the data has\n"
              "another number of classes; position tables are resized to --img. Without MODEL it is told by the weight "
              "file.\n"
              "--freeze backbone trains the head alone; --freeze patch_embed,blocks.0 keeps what begins so. Running "
              "statistics of\n"
              "batch norms always follow the new images. `--recipe transfer` is the paper's (table 4).\n\n"
              "  vitscope finetune --weights efficientvit_m4.safetensors --data fashion-mnist:train --img 128 --epochs "
              "3 --lr 3e-4\n"
              "  vitscope finetune deit_tiny --weights deit_tiny.safetensors --data cifar10:train --recipe transfer\n"
              "  vitscope finetune --weights runs/m0/best.safetensors --data photos/train --val photos/val --freeze "
              "backbone\n",
    .more = print_augmentation,
    .takes =
        "weights freeze data val set img recipe epochs batch accumulate optimizer lr min-lr warmup-lr warmup-epochs "
        "cooldown-epochs schedule weight-decay momentum clip ema smoothing mixup cutmix augment repeats crop "
        "distill-from distill alpha tau seed threads workers isa out max-steps time-budget checkpoint-every strict "
        "format",
    .max_arguments = 1,
    .all_threads = true,
    .run = run,
};
