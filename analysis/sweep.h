/* SPDX-License-Identifier: MIT */
/* sweep.h - a sweep while it runs, and what is made of its points. */
#pragma once

#include "analysis/sweep_axis.h"
#include "analysis/variant.h"

/* Must not be moved. */
struct vit_sweep {
    struct vit_options options;
    struct vit_axes axes;
    struct vit_hold hold;
    struct vit_variant *variant; /* (points): their contexts */
    char *text;                  /* (points, VIT_AXIS_TEXT): their settings */
    char subtitle[256];
};

/* Contexts of units lead back to the sweep's points: the place of a unit is that of its point. Writes sweep.csv. */
int vit_sweep_write(const struct vit_sweep *sweep, struct vit_reproduction *reproduction);

/* The same rows, those columns that are most asked for, for readers; all of them as csv or json. */
int vit_sweep_print(const struct vit_sweep *sweep, struct vit_reproduction *reproduction);

/* FOLDER/sweep.svg and .png. */
int vit_sweep_draw(const struct vit_sweep *sweep, const struct vit_reproduction *reproduction);
