/* SPDX-License-Identifier: MIT */
/* callgrind_process.h - a program under callgrind: started with a temporary folder for its dumps, listened to, ended.
 * While it runs, SIGINT, SIGTERM and SIGHUP that would have ended this program end the child first, so that
 * vit_callgrind_finish can remove the folder; it then lets the signal do its work. One child at a time. */
#pragma once

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { VIT_CALLGRIND_SIGNALS = 3, VIT_CALLGRIND_WORDS = 64, VIT_CALLGRIND_LINES = 3, VIT_CALLGRIND_LINE = 128 };

struct vit_callgrind_process {
    pid_t child;
    FILE *output; /* of the child, errors and valgrind's own messages too */
    char *line;
    size_t line_size;
    char said[VIT_CALLGRIND_LINES]
             [VIT_CALLGRIND_LINE]; /* last lines that were no marks: what a failing child has to say */
    int n_said;
    char folder[PATH_MAX / 2];
    struct sigaction before[VIT_CALLGRIND_SIGNALS];
};

/* Whether valgrind is there: VIT_ENOTSUP names the package. */
int vit_callgrind_find(void);

/* Runs `valgrind OPTION... PROGRAM...`; both lists end with NULL; PROGRAM is this program's own file. On failure
 * nothing is left to close. */
int vit_callgrind_start(struct vit_callgrind_process *process, char *const *option, char *const *argument);

/* Text of the next marked line, without its mark; NULL when the child has ended. */
const char *vit_callgrind_next(struct vit_callgrind_process *process);

/* Where dump number `number` is, from 1: `char path[PATH_MAX]`. */
void vit_callgrind_dump_path(const struct vit_callgrind_process *process, int number, char *path);

/* Ends the child, removes the folder. status: of what was done with the child so far; the result is that, or, if the
 * child failed by itself, its failure with its last words. */
int vit_callgrind_finish(struct vit_callgrind_process *process, int status);
