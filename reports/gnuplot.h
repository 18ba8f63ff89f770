/* SPDX-License-Identifier: MIT */
/* gnuplot.h - draws figures: runs gnuplot on a script of reports/plots/, once for .svg and once for .png. */
#pragma once

#include <stdbool.h>

enum vit_plot_type {
    VIT_PLOT_TEXT,   /* a gnuplot string */
    VIT_PLOT_PATH,   /* a file to read: never taken for a command or an option, whatever its name */
    VIT_PLOT_NUMBER, /* text of a number */
};

/* A variable that the script sees. Which ones a script wants is told in its first lines and in reports/README.md. */
struct vit_plot_variable {
    const char *name; /* a gnuplot identifier */
    const char *value;
    enum vit_plot_type type;
};

struct vit_plot {
    const char *figure; /* "roofline": reports/plots/roofline.gp; with a slash: a script's path */
    const char *output; /* path without suffix: .svg and .png are added */
    const struct vit_plot_variable *variable;
    int n_variable;
};

/* Writes output.svg and output.png: both, or neither. VIT_ENOTSUP when gnuplot is not installed; a failing script's own
 * words are in the message. */
int vit_plot_draw(const struct vit_plot *plot);

/* Whether vit_plot_draw can be expected to work. When not, the message for the reader is recorded (vit_error). */
bool vit_plot_available(void);
