/* SPDX-License-Identifier: MIT */
/* choice.c - a model by what was written for it: a variant's name, and settings. */
#include "model/base/status.h"
#include "model/zoo/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_KEPT = 96 };

/* FNV-1a, 32 bits: tells long labels with the same beginning apart. */
static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261U;
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619U;
    return value;
}

static int label(struct vit_model_choice *choice)
{
    const struct vit_model_def *variant = vit_model_find(choice->model.variant);
    struct vit_model_config usual = variant->config;
    usual.img = choice->model.config.img; /* told beside a model's name wherever they matter */
    usual.classes = choice->model.config.classes;
    char *settings = vit_config_differences(&choice->model.config, &usual, variant->family->name);
    if (!settings)
        return VIT_ENOMEM;
    int length = snprintf(choice->label, sizeof choice->label, *settings ? "%s[%s]" : "%s", variant->name, settings);
    if (length >= (int)sizeof choice->label)
        snprintf(choice->label + LABEL_KEPT, sizeof choice->label - LABEL_KEPT, "...%08" PRIx32 "]", hash(settings));
    choice->model.name = choice->label;
    choice->model.timm = *settings ? NULL : variant->timm; /* published weights are of the variant */
    free(settings);
    return VIT_OK;
}

int vit_model_change(struct vit_model_choice *choice, const char *settings)
{
    struct vit_model_def *model = &choice->model;
    if (settings && vit_config_set(&model->config, model->family->name, settings) != VIT_OK)
        return vit_fail_in(VIT_EINVAL, "%s", model->variant);
    return label(choice);
}

int vit_model_choose(struct vit_model_choice *choice, const char *spec)
{
    const size_t length = strlen(spec), bare = strcspn(spec, "[");
    if (bare < length && spec[length - 1] != ']')
        return vit_fail(VIT_EINVAL, "model \"%s\": settings stand between brackets: NAME[SETTING=VALUE ...]", spec);
    char *name = strndup(spec, bare), *settings = bare < length ? strndup(spec + bare + 1, length - bare - 2) : NULL;
    int status = VIT_OK;
    if (!name || (bare < length && !settings))
        status = vit_fail(VIT_ENOMEM, "out of memory: name of a model");
    const struct vit_model_def *variant = status == VIT_OK ? vit_model_find(name) : NULL;
    if (variant)
        choice->model = *variant;
    if (status == VIT_OK)
        status = variant ? vit_model_change(choice, settings) : VIT_EINVAL;
    free(name);
    free(settings);
    return status;
}
