/* SPDX-License-Identifier: MIT */
/* command.h - the commands of the program: each is one file with one exported `const struct vit_command
 * vit_command_<name>` and one row in commands.def. A command prints what was asked for on stdout, returns a status,
 * and leaves messages of failures to main. */
#pragma once

#include "analysis/options.h"

struct vit_command {
    const char *name;
    const char *arguments;   /* "MODEL..." */
    const char *summary;     /* one line */
    const char *detail;      /* more lines for its help, with examples */
    void (*more)(FILE *out); /* prints lists after the detail; may be NULL */
    const char *takes;       /* options, separated by blanks */
    int min_arguments, max_arguments;
    bool hidden;      /* started by the program itself: not listed */
    bool all_threads; /* --threads is all logical processors by default, not 1 */
    int (*run)(const struct vit_options *options);
};

extern const struct vit_command *const vit_commands[];
extern const int vit_n_commands;
