/* SPDX-License-Identifier: MIT */
/* progress.h - one line on a terminal's stderr: "label  note  42 %  1 min 20 s left", drawn five times a second at
 * most. Writes nothing where stderr is no terminal. Call it between timed pieces of work, never inside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct vit_progress {
    FILE *stream; /* NULL: silent */
    const char *label;
    char note[112]; /* of the moment; may be empty */
    int64_t total;
    int64_t start_ns, drawn_ns; /* drawn_ns is 0 before the first drawing */
};

/* label is borrowed; total > 0 pieces of work. */
void vit_progress_open(struct vit_progress *progress, const char *label, int64_t total);

/* What the next drawings tell beside the label. printf. */
void vit_progress_note(struct vit_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `done` pieces of the total are done. */
void vit_progress_update(struct vit_progress *progress, int64_t done);

/* Clears the line until the next drawing: other lines are about to be printed. */
void vit_progress_hide(struct vit_progress *progress);

/* Clears the line. */
void vit_progress_close(struct vit_progress *progress);

/* The text drawn for a state of the work, without control characters. */
struct vit_progress_state {
    int64_t done, elapsed_ns;
};
void vit_progress_text(char *text, size_t size, const struct vit_progress *progress, struct vit_progress_state state);
