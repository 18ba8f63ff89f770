/* SPDX-License-Identifier: MIT */
/* names.c - naming schemes as rows: original EfficientViT release, older Swin checkpoints, timm. */
#include "model/weights/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `from` becomes `to`. A # in `from` stands for a whole number; a # in `to` for that number plus `shift`, and the rule
 * fits only if that is not negative. */
struct vit_name_rule {
    const char *from, *to;
    int shift;
};

static const struct vit_name_rule none[] = {{0}};

static const struct vit_name_rule efficientvit_beginning[] = {
    {"patch_embed.0.", "patch_embed.conv1.", 0},
    {"patch_embed.2.", "patch_embed.conv2.", 0},
    {"patch_embed.4.", "patch_embed.conv3.", 0},
    {"patch_embed.6.", "patch_embed.conv4.", 0},
    {"blocks1.", "stages.0.blocks.", 0},
    {"blocks2.0.", "stages.1.downsample.res1.", 0},
    {"blocks2.1.", "stages.1.downsample.patchmerge.", 0},
    {"blocks2.2.", "stages.1.downsample.res2.", 0},
    {"blocks2.#.", "stages.1.blocks.#.", -3},
    {"blocks3.0.", "stages.2.downsample.res1.", 0},
    {"blocks3.1.", "stages.2.downsample.patchmerge.", 0},
    {"blocks3.2.", "stages.2.downsample.res2.", 0},
    {"blocks3.#.", "stages.2.blocks.#.", -3},
    {"head.l.", "head.linear.", 0},
    {0},
};

static const struct vit_name_rule efficientvit_ending[] = {{".c.weight", ".conv.weight", 0}, {0}};

/* The merging layer stood at the end of a stage and stands at the beginning of the next. */
static const struct vit_name_rule swin_beginning[] = {
    {"layers.#.downsample.", "layers.#.downsample.", 1},
    {"head.fc.", "head.fc.", 0},
    {"head.", "head.fc.", 0},
    {0},
};

static const struct vit_naming schemes[] = {
    {"original EfficientViT release", "blocks1.", efficientvit_beginning, efficientvit_ending},
    {"older Swin", "layers.0.downsample.", swin_beginning, none},
    {"timm", "", none, none},
};

static const char *const wrappers[] = {"model.", "module."};

static const char *const ignored[] = {"num_batches_tracked", "attention_bias_idxs", "relative_position_index",
                                      "attn_mask"};
static const char *const state_of_training[] = {"ema.", "optimizer."}; /* of checkpoints */

static bool begins(const char *name, const char *text)
{
    return strncmp(name, text, strlen(text)) == 0;
}

static bool ends(const char *name, const char *text)
{
    size_t length = strlen(name), part = strlen(text);
    return length >= part && strcmp(name + length - part, text) == 0;
}

const char *vit_name_unwrapped(const char *name)
{
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0];) {
        if (begins(name, wrappers[i])) {
            name += strlen(wrappers[i]);
            i = 0;
        } else {
            i++;
        }
    }
    return name;
}

bool vit_name_ignored(const char *name)
{
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        if (ends(name, ignored[i]))
            return true;
    for (size_t i = 0; i < sizeof state_of_training / sizeof state_of_training[0]; i++)
        if (begins(name, state_of_training[i]))
            return true;
    return false;
}

bool vit_name_is_head(const char *name)
{
    return strncmp(name, "head", strlen("head")) == 0 || strncmp(name, "classifier", strlen("classifier")) == 0;
}

const struct vit_naming *vit_naming_detect(const char *const *name, size_t n)
{
    const struct vit_naming *scheme = schemes;
    for (; *scheme->marker; scheme++)
        for (size_t i = 0; i < n; i++)
            if (begins(vit_name_unwrapped(name[i]), scheme->marker))
                return scheme;
    return scheme;
}

/* Whether rule->from is the beginning of *rest, which then moves behind it; *number is what # stands for. */
static bool match(const struct vit_name_rule *rule, const char **rest, long *number)
{
    const char *name = *rest;
    for (const char *from = rule->from; *from; from++) {
        if (*from == '#') {
            char *end;
            if (*name < '0' || *name > '9')
                return false;
            *number = strtol(name, &end, 10);
            if (end - name > 4) /* no network is that deep; keeps the sum in range */
                return false;
            name = end;
        } else if (*from != *name++) {
            return false;
        }
    }
    if (*number + rule->shift < 0)
        return false;
    *rest = name;
    return true;
}

static const char *apply_beginning(const struct vit_name_rule *rule, const char *name, char result[VIT_NAME_TEXT])
{
    for (; rule->from; rule++) {
        long number = strchr(rule->from, '#') ? 0 : -rule->shift;
        const char *rest = name;
        if (!match(rule, &rest, &number))
            continue;
        const char *hash = strchr(rule->to, '#');
        if (!hash)
            snprintf(result, VIT_NAME_TEXT, "%s", rule->to);
        else
            snprintf(result, VIT_NAME_TEXT, "%.*s%ld%s", (int)(hash - rule->to), rule->to, number + rule->shift,
                     hash + 1);
        return rest;
    }
    result[0] = '\0';
    return name;
}

bool vit_naming_apply(const struct vit_naming *naming, const char *name, char result[VIT_NAME_TEXT])
{
    const char *rest = apply_beginning(naming->beginning, name, result);
    size_t used = strlen(result), length = used + strlen(rest);
    if (length >= VIT_NAME_TEXT)
        return false;
    strcpy(result + used, rest);
    for (const struct vit_name_rule *rule = naming->ending; rule->from; rule++) {
        if (!ends(result, rule->from))
            continue;
        size_t kept = length - strlen(rule->from);
        if (kept + strlen(rule->to) >= VIT_NAME_TEXT)
            return false;
        strcpy(result + kept, rule->to);
        break;
    }
    return true;
}
