/* SPDX-License-Identifier: MIT */
/* choice.c - a model by what was written for it: a variant's name, and settings. */
#include "model/base/status.h"
#include "model/zoo/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LABEL = 96, LABEL_KEPT = 80 };

/* FNV-1a, 32 bits: tells long labels with the same beginning apart. */
static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261U;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619U;
    return value;
}

/* Cuts spec into NAME and the settings between its brackets, both of which lie in `copy`. */
static int split(char *copy, const char *spec, char **settings)
{
    size_t length = strlen(spec);
    *settings = strchr(copy, '[');
    if (!*settings)
        return VIT_OK;
    if (spec[length - 1] != ']')
        return vit_fail(VIT_EINVAL, "model \"%s\": settings stand between brackets: NAME[SETTING=VALUE ...]", spec);
    copy[length - 1] = '\0';
    *(*settings)++ = '\0';
    return VIT_OK;
}

static int name(struct vit_model_choice *choice, const struct vit_model_def *variant)
{
    char *settings = vit_config_differences(&choice->model.config, &variant->config, variant->family->name);
    if (!settings)
        return VIT_ENOMEM;
    const char *open = *settings ? "[" : "", *close = *settings ? "]" : "";
    size_t size = strlen(variant->name) + strlen(settings) + sizeof "[]";
    choice->spec = malloc(size);
    choice->label = malloc(size);
    if (!choice->spec || !choice->label) {
        free(settings);
        return vit_fail(VIT_ENOMEM, "out of memory: name of a model");
    }
    snprintf(choice->spec, size, "%s%s%s%s", variant->name, open, settings, close);
    if (size <= LONGEST_LABEL)
        strcpy(choice->label, choice->spec);
    else
        snprintf(choice->label, size, "%.*s...%08" PRIx32 "]", LABEL_KEPT, choice->spec, hash(choice->spec));
    choice->model.name = choice->label;
    free(settings);
    return VIT_OK;
}

int vit_model_choose(struct vit_model_choice *choice, const char *spec, const char *settings)
{
    *choice = (struct vit_model_choice){0};
    char *copy = strdup(spec), *inner;
    if (!copy)
        return vit_fail(VIT_ENOMEM, "out of memory: name of a model");
    int status = split(copy, spec, &inner);
    const struct vit_model_def *variant = status == VIT_OK ? vit_model_find(copy) : NULL;
    if (status == VIT_OK && !variant)
        status = VIT_EINVAL;
    if (variant)
        choice->model = *variant;
    if (status == VIT_OK && inner)
        status = vit_config_set(&choice->model.config, variant->family->name, inner);
    if (status == VIT_OK && settings)
        status = vit_config_set(&choice->model.config, variant->family->name, settings);
    if (status != VIT_OK && variant)
        status = vit_fail_in(status, "%s", variant->name);
    if (status == VIT_OK)
        status = name(choice, variant);
    free(copy);
    if (status != VIT_OK)
        vit_model_choice_close(choice);
    return status;
}

void vit_model_choice_close(struct vit_model_choice *choice)
{
    free(choice->spec);
    free(choice->label);
    *choice = (struct vit_model_choice){0};
}
