/* SPDX-License-Identifier: MIT */
/* resolution.h - what `vitscope study resolution` records of one model at one size of the input, and its files. */
#pragma once

#include "analysis/reproduction.h"

enum { VIT_MOST_SIZES = 32 };

/* Sides in ascending order, from "224,384,512". VIT_EINVAL tells the option and what would be right. */
int vit_resolution_sizes(int size[VIT_MOST_SIZES], int *n, const char *list);

/* A unit's measure: profiles options.argument[0] at options.img. A model that cannot be built at this size, or is too
 * large for this machine's memory, is a result too: its times are absent with the reason. Names of results are those
 * of columns of resolution.csv. */
int vit_resolution_measure(struct vit_reproduction *reproduction, const struct vit_unit *unit,
                           struct vit_results *results);

/* resolution.csv: row per unit; exponents.csv: row per model and figure, fitted against the pixels of the input. */
int vit_resolution_write(struct vit_reproduction *reproduction);

/* The same rows for readers, or as --format says. */
int vit_resolution_print(struct vit_reproduction *reproduction);

/* resolution_time, _memory, _traffic, _shares: those of which a model has two points. */
int vit_resolution_draw(const struct vit_reproduction *reproduction);
