/* SPDX-License-Identifier: MIT */
/* options.h - every knob of a run in one struct, parsed once; each command names the options it takes. */
#pragma once

#include "analysis/shard.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { VIT_MAX_ARGUMENTS = 256, VIT_MAX_OPTIONS = 96, VIT_OPTION_TEXT = 4096 };

struct vit_options {
    int batch, threads, img, classes, repeat, top, images;
    double warmup_s, min_time_s;
    uint64_t seed;
    const char *graph, *kernel, *isa;
    const char *traffic, *cache, *counters;
    const char *image, *data, *weights, *labels, *out, *format, *protocol, *probes;
    const char *recompute, *budget, *sizes, *axis, *hold;
    /* Of training. */
    int epochs, accumulate, repeats, workers, max_steps, checkpoint_every, warmup_epochs, cooldown_epochs;
    double weight_decay, momentum, warmup_lr, min_lr, smoothing, mixup, cutmix, crop, ema, alpha, tau;
    double time_budget_s;
    const char *val, *set, *recipe, *optimizer, *lr, *schedule, *clip, *augment, *distill, *distill_from, *freeze,
        *sheet;
    bool strict, stats;
    /* Of pruning. */
    int rounds, batches, finetune_epochs;
    const char *to, *criterion, *kinds, *per;
    bool reallocate;
    bool synthetic, train, help;
    bool quiet; /* of a training that is a part of other work: nothing on stdout; no option of the command line */
    bool given[VIT_MAX_OPTIONS]; /* by row of the table: set by the command line, or by vit_options_default */
    struct vit_shard shard;
    const char *argument[VIT_MAX_ARGUMENTS]; /* what is no option, in order */
    int n_argument;
    char set_text[VIT_OPTION_TEXT];  /* what set points to: the texts of all --set */
    char axis_text[VIT_OPTION_TEXT]; /* the same of axis */
};

/* One row of the table in options.c. */
struct vit_option_def {
    const char *name;     /* without the dashes */
    const char *argument; /* "N", "FILE"; NULL for a flag */
    const char *help;
    int type;
    size_t offset;
    double least, most; /* of numbers */
};

/* Fills options from argv[0 .. argc) for a command that takes the options listed in `takes` (names separated by
 * blanks), over the defaults in *options. VIT_EINVAL tells the option and what would be right. */
int vit_options_parse(struct vit_options *options, const char *takes, int argc, char *const *argv);

/* Sets an option, unless it is set already: value is what would follow it on the command line ("" for a flag). The text
 * is borrowed. VIT_EINVAL as above. */
int vit_options_default(struct vit_options *options, const char *name, const char *value);

/* The value of an option as text that vit_options_default reads back as the same, "" where it was never set. */
void vit_options_text(char text[VIT_OPTION_TEXT], const struct vit_options *options, const char *name);

/* Help lines of the options in `takes`. */
void vit_options_print(FILE *file, const char *takes);
