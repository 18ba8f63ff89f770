/* SPDX-License-Identifier: MIT */
#include "analysis/sweep_axis.h"

#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char form[] = "an axis is NAME=VALUE,VALUE,...: \"qk_dim=4,8,16\"";

static int check_value(const struct vit_axis *axis, const struct vit_model_config *base, const char *family)
{
    struct vit_model_config config = *base;
    char setting[VIT_AXIS_TEXT];
    const char *value = axis->value[axis->n - 1];
    if (!*value)
        return vit_fail(VIT_EINVAL, "%s has an empty value: %s", axis->name, form);
    for (int i = 0; i < axis->n - 1; i++)
        if (strcmp(axis->value[i], value) == 0)
            return vit_fail(VIT_EINVAL, "%s has %s twice", axis->name, value);
    int used = snprintf(setting, sizeof setting, "%s=%s", axis->name, value);
    for (int i = 0; i < used; i++)
        setting[i] = (char)(setting[i] == '/' ? ',' : setting[i]);
    return vit_config_set(&config, family, setting);
}

/* One axis from its text, which is cut at commas. */
static int read_axis(struct vit_axis *axis, char *text, const struct vit_model_config *base, const char *family)
{
    char *equal = strchr(text, '=');
    if (!equal || equal == text)
        return vit_fail(VIT_EINVAL, "%s: %s", text, form);
    *equal = '\0';
    *axis = (struct vit_axis){.name = text};
    char *at = equal + 1;
    for (bool more = true; more;) {
        char *comma = strchr(at, ',');
        if (axis->n == VIT_MOST_AXIS_VALUES)
            return vit_fail(VIT_EINVAL, "%s has more than %d values", axis->name, VIT_MOST_AXIS_VALUES);
        more = comma != NULL;
        if (comma)
            *comma = '\0';
        axis->value[axis->n++] = at;
        int status = check_value(axis, base, family);
        if (status != VIT_OK)
            return status;
        at = more ? comma + 1 : at;
    }
    return VIT_OK;
}

static int add_axis(struct vit_axes *axes, char *text, const struct vit_model_config *base, const char *family)
{
    if (axes->n == VIT_MOST_AXES)
        return vit_fail(VIT_EINVAL, "%s: more than %d axes", text, VIT_MOST_AXES);
    struct vit_axis *axis = &axes->axis[axes->n];
    int status = read_axis(axis, text, base, family);
    for (int i = 0; i < axes->n && status == VIT_OK; i++)
        if (strcmp(axes->axis[i].name, axis->name) == 0)
            status = vit_fail(VIT_EINVAL, "%s is given twice: put all its values into one axis", axis->name);
    if (status != VIT_OK)
        return status;
    axes->n++;
    axes->points *= axis->n;
    if (axes->points > VIT_MOST_POINTS)
        return vit_fail(VIT_EINVAL, "the axes up to %s have %d points, at most %d", axis->name, axes->points,
                        VIT_MOST_POINTS);
    return VIT_OK;
}

int vit_axes_parse(struct vit_axes *axes, const char *text, const struct vit_model_config *base, const char *family)
{
    static const char blanks[] = " \t";
    int status = VIT_OK;
    *axes = (struct vit_axes){.points = 1};
    if (strlen(text) >= sizeof axes->text)
        return vit_fail(VIT_EINVAL, "axes: at most %zu characters", sizeof axes->text - 1);
    memcpy(axes->text, text, strlen(text) + 1);
    char *at = axes->text + strspn(axes->text, blanks);
    while (*at && status == VIT_OK) {
        char *end = at + strcspn(at, blanks), *next = end + strspn(end, blanks);
        *end = '\0';
        status = add_axis(axes, at, base, family);
        at = next;
    }
    return status == VIT_OK && axes->n == 0 ? vit_fail(VIT_EINVAL, "there is none: %s", form) : status;
}

bool vit_axis_number(double *number, const struct vit_axis *axis, int place)
{
    char *end;
    *number = strtod(axis->value[place], &end);
    return end != axis->value[place] && !*end && isfinite(*number);
}

int vit_axes_place(const struct vit_axes *axes, int point, int axis)
{
    for (int i = axes->n - 1; i > axis; i--)
        point /= axes->axis[i].n;
    return point % axes->axis[axis].n;
}

void vit_axes_settings(char *text, size_t size, const struct vit_axes *axes, int point, int first)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = first; i < axes->n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used ? " " : "", axes->axis[i].name,
                                 axes->axis[i].value[vit_axes_place(axes, point, i)]);
    for (char *c = text; *c; c++)
        *c = (char)(*c == '/' ? ',' : *c);
}
