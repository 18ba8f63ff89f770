/* SPDX-License-Identifier: MIT */
/* augment.c - sets of augmentation by name, and their steps one after the other. */
#include "model/data/augment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "model/data/augment_crop.h"
#include "model/data/augment_rand.h"

static const struct {
    const char *name, *summary;
    struct vit_augment augment;
} sets[] = {
    {"none", "evaluation's resize and centre crop", {.crop = VIT_AUGMENT_CENTER}},
    {"crop-flip",
     "small images: margins of an eighth of the side, a random window, mirrored half of the time",
     {.crop = VIT_AUGMENT_PADDED, .padding = -1, .flip = 0.5}},
    {"resized-flip",
     "random area and shape, mirrored half of the time (Inception, ResNet)",
     {.crop = VIT_AUGMENT_RESIZED, .area = {0.08, 1}, .ratio = {3.0 / 4, 4.0 / 3}, .flip = 0.5}},
    {"paper",
     "of the published EfficientViT and DeiT: random area and shape, mirrored, RandAugment m9-mstd0.5-inc1, erasing",
     {.crop = VIT_AUGMENT_RESIZED,
      .area = {0.08, 1},
      .ratio = {3.0 / 4, 4.0 / 3},
      .flip = 0.5,
      .rand_operations = 2,
      .rand_magnitude = 9,
      .rand_std = 0.5,
      .erase = 0.25}},
};
enum { N_SETS = sizeof sets / sizeof sets[0] };

static const struct {
    const char *name, *summary;
    size_t offset;
    double least, most;
} numbers[] = {
    {"flip", "probability to mirror", offsetof(struct vit_augment, flip), 0, 1},
    {"erase", "probability that a rectangle becomes noise", offsetof(struct vit_augment, erase), 0, 1},
    {"min-area", "of the random crop: least share of the image", offsetof(struct vit_augment, area[0]), 0.0001, 1},
    {"jitter", "brightness, contrast, saturation times 1 - X to 1 + X", offsetof(struct vit_augment, color_jitter), 0,
     1},
    {"rand", "RandAugment of this magnitude, two operations", offsetof(struct vit_augment, rand_magnitude), 0, 10},
    {"rand-std", "its standard deviation", offsetof(struct vit_augment, rand_std), 0, 10},
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

static int fail_unknown(const char *item)
{
    char names[512] = "";
    size_t used = 0;
    for (int i = 0; i < N_SETS && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", sets[i].name);
    for (int i = 0; i < N_NUMBERS && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, ", %s=X", numbers[i].name);
    return vit_fail(VIT_EINVAL, "augmentation %s: not known; there are %s", item, names);
}

static int set_item(struct vit_augment *augment, const char *item)
{
    for (int i = 0; i < N_SETS; i++)
        if (strcmp(item, sets[i].name) == 0) {
            *augment = sets[i].augment;
            return VIT_OK;
        }
    for (int i = 0; i < N_NUMBERS; i++) {
        const size_t length = strlen(numbers[i].name);
        if (strncmp(item, numbers[i].name, length) != 0 || item[length] != '=')
            continue;
        char *end;
        const double value = strtod(item + length + 1, &end);
        if (end == item + length + 1 || *end || !(value >= numbers[i].least && value <= numbers[i].most))
            return vit_fail(VIT_EINVAL, "augmentation %s: takes a number from %g to %g", item, numbers[i].least,
                            numbers[i].most);
        memcpy((char *)augment + numbers[i].offset, &value, sizeof value);
        if (strcmp(numbers[i].name, "rand") == 0)
            augment->rand_operations = value > 0 ? 2 : 0;
        return VIT_OK;
    }
    return fail_unknown(item);
}

int vit_augment_parse(struct vit_augment *augment, const char *text, int size)
{
    *augment = sets[0].augment;
    char *copy = strdup(text), *rest = copy;
    if (!copy)
        return vit_fail(VIT_ENOMEM, "augmentation: out of memory");
    int status = VIT_OK;
    for (char *item = strsep(&rest, ","); item && status == VIT_OK; item = strsep(&rest, ","))
        status = set_item(augment, item);
    free(copy);
    if (augment->padding < 0)
        augment->padding = size / 8;
    return status;
}

void vit_augment_print_names(FILE *out)
{
    for (int i = 0; i < N_SETS; i++)
        fprintf(out, "  %-14s %s\n", sets[i].name, sets[i].summary);
    for (int i = 0; i < N_NUMBERS; i++)
        fprintf(out, "  %s=%-*s %s\n", numbers[i].name, 13 - (int)strlen(numbers[i].name), "X", numbers[i].summary);
}

int vit_augment_image(const struct vit_augment *augment, const struct vit_preprocess *preprocess,
                      const struct vit_image *source, struct vit_rng *rng, struct vit_image *result)
{
    int status = vit_augment_crop_image(augment, preprocess, source, rng, result);
    if (status != VIT_OK)
        return status;
    if (augment->flip > 0 && vit_rng_uniform(rng) < augment->flip)
        vit_augment_mirror(result);
    struct vit_augment_paint paint = {.interpolation = preprocess->interpolation};
    for (int c = 0; c < 3; c++)
        paint.fill[c] = (uint8_t)fmin(255, nearbyint(255 * fmax(preprocess->mean[c], 0)));
    status = vit_augment_rand(augment, &paint, rng, result);
    if (status == VIT_OK && augment->color_jitter > 0)
        status = vit_augment_jitter(augment, rng, result);
    if (status != VIT_OK)
        vit_image_close(result);
    return status;
}
