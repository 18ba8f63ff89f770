/* SPDX-License-Identifier: MIT */
/* sweep_axis.h - the axes of a sweep as written: "qk_dim=4,8,16,32,64 act=relu,hswish". Each has the name of a setting
 * and its values; a value that is a list itself (one number per stage) has slashes: "embed_dim=64/128/192,96/192/288".
 * Points are the cartesian product, the last axis running fastest. */
#pragma once

#include "model/zoo/config.h"

enum { VIT_MOST_AXES = 8, VIT_MOST_AXIS_VALUES = 64, VIT_MOST_POINTS = 4096, VIT_AXIS_TEXT = 4096 };

struct vit_axis {
    const char *name, *value[VIT_MOST_AXIS_VALUES]; /* as written, with slashes */
    int n;
};

/* Must not be moved: axes point into the text. */
struct vit_axes {
    struct vit_axis axis[VIT_MOST_AXES];
    int n, points;
    char text[VIT_AXIS_TEXT];
};

/* Each value must be one that the family takes; whether a network of it exists is another matter. VIT_EINVAL tells the
 * axis and what would be right. */
int vit_axes_parse(struct vit_axes *axes, const char *text, const struct vit_model_config *base, const char *family);

/* The value as a number; false for words and lists. */
bool vit_axis_number(double *number, const struct vit_axis *axis, int place);

/* Place of the point's value on the axis. */
int vit_axes_place(const struct vit_axes *axes, int point, int axis);

/* Settings that make the point, "NAME=VALUE NAME=VALUE"; from axis `first` on. */
void vit_axes_settings(char *text, size_t size, const struct vit_axes *axes, int point, int first);
