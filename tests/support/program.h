/* SPDX-License-Identifier: MIT */
/* program.h - runs the built program, from tests/ of the same build folder, and keeps what it printed. */
#pragma once

#include <stddef.h>

enum { PROGRAM_TEXT = 1 << 16 };

struct program_run {
    int exit_code; /* 128 + signal when it was killed */
    char output[PROGRAM_TEXT], error[PROGRAM_TEXT];
};

/* A temporary folder of this test program, "%s" in command lines below; made and removed by these fixtures. */
extern char program_folder[128];
int program_make_folder(void **state);
int program_remove_folder(void **state);

/* Put before the program, which begins with "mpirun" for one; "" to begin with. */
extern const char *program_launcher;

/* Path of the program; valid to the end. */
const char *program_binary(void);

/* Runs `vitscope ARGUMENTS`; a shell splits the arguments, which may redirect. printf. */
void program_start(struct program_run *run, const char *arguments, ...) __attribute__((format(printf, 2, 3)));

/* A path in the folder; valid to the end. */
const char *program_path(const char *name);

void program_write(const char *name, const char *text);
