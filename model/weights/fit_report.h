/* SPDX-License-Identifier: MIT */
/* fit_report.h - collects how a file's tensors do not fit a model, and gives them as one message. */
#pragma once

#include <stddef.h>

enum vit_fit_kind { VIT_FIT_MISSING, VIT_FIT_UNEXPECTED, VIT_FIT_MISSHAPED, VIT_FIT_UNREADABLE, VIT_N_FIT_KINDS };

enum { VIT_FIT_TEXT = 900 };

/* Zeroed: nothing noted. */
struct vit_fit_report {
    struct {
        char text[VIT_FIT_TEXT]; /* the first few, separated by commas */
        size_t used;
        int count, named;
    } kind[VIT_N_FIT_KINDS];
};

void vit_fit_note(struct vit_fit_report *fit, enum vit_fit_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* VIT_OK when nothing was noted, else VIT_EFORMAT with "FILE does not fit MODEL: 2 missing: ...; 1 unexpected: ...". */
int vit_fit_status(const struct vit_fit_report *fit, const char *file, const char *model);
