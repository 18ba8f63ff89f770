/* SPDX-License-Identifier: MIT */
/* options.h - every knob of a run in one struct, parsed once; each command names the options it takes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { VIT_MAX_ARGUMENTS = 256 };

struct vit_options {
    int batch, threads, img, classes, repeat, top;
    double warmup_s, min_time_s;
    uint64_t seed;
    const char *graph, *kernel, *isa;
    const char *traffic, *cache, *counters;
    const char *image, *data, *weights, *labels, *out, *format, *protocol, *probes;
    const char *recompute;
    bool synthetic, train, help;
    const char *argument[VIT_MAX_ARGUMENTS]; /* what is no option, in order */
    int n_argument;
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

/* Help lines of the options in `takes`. */
void vit_options_print(FILE *file, const char *takes);
