/* SPDX-License-Identifier: MIT */
#include "analysis/training_settings.h"

#include "model/base/status.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Options that decide what is learned, in the order in which they are compared; not those that only say how fast, where
 * to, or when to stop. */
static const char *const deciding[] = {
    "data",      "val",       "set",          "img",     "crop",      "weights",       "freeze",
    "epochs",    "batch",     "accumulate",   "repeats", "augment",   "mixup",         "cutmix",
    "smoothing", "optimizer", "lr",           "min-lr",  "warmup-lr", "warmup-epochs", "cooldown-epochs",
    "schedule",  "momentum",  "weight-decay", "clip",    "ema",       "distill-from",  "distill",
    "alpha",     "tau",       "seed"};

static int read_lr(struct vit_training_settings *s, const char *text)
{
    char *end;
    long images = 0;
    errno = 0;
    s->lr = strtod(text, &end);
    bool good = end != text && isfinite(s->lr) && s->lr > 0;
    if (good && *end == '/') {
        const char *number = end + 1;
        images = strtol(number, &end, 10);
        good = end != number && images >= 1 && images <= 1000000;
    }
    s->lr_images = (int)images;
    return good && !*end ? VIT_OK
                         : vit_fail(VIT_EINVAL, "--lr %s: takes a rate above 0, or RATE/IMAGES: 1e-3/512", text);
}

/* "cosine", "cosine:epoch", "step/30" */
static int read_schedule(struct vit_training_settings *s, const struct vit_options *options)
{
    char *unit, *every, *end = NULL;
    long decay_epochs = 0;
    snprintf(s->schedule_kind, sizeof s->schedule_kind, "%s", options->schedule);
    if ((unit = strchr(s->schedule_kind, ':')))
        *unit++ = '\0';
    s->by_epoch = unit && strcmp(unit, "epoch") == 0;
    if ((every = strchr(s->schedule_kind, '/'))) {
        *every++ = '\0';
        decay_epochs = strtol(every, &end, 10);
    }
    const bool is_step = strcmp(s->schedule_kind, "step") == 0;
    if ((unit && !s->by_epoch) || is_step != (every != NULL) || (end && (*end || decay_epochs < 1)))
        return vit_fail(VIT_EINVAL,
                        "--schedule %s: is cosine, linear, constant, or step/N for a tenth every N epochs; "
                        "then :epoch if it is to change with epochs",
                        options->schedule);
    s->schedule = (struct vit_schedule){.kind = s->schedule_kind,
                                        .lr = s->lr,
                                        .min_lr = options->min_lr,
                                        .warmup_lr = options->warmup_lr,
                                        .epochs = options->epochs,
                                        .warmup_epochs = options->warmup_epochs,
                                        .cooldown_epochs = options->cooldown_epochs,
                                        .decay_epochs = decay_epochs,
                                        .decay_rate = 0.1};
    return vit_schedule_check(&s->schedule);
}

/* "agc:0.02" */
static int read_clip(struct vit_clip_options *clip, const char *text)
{
    char name[32], *end = NULL;
    const char *colon = strchr(text, ':');
    snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    if (vit_clip_mode_find(name, &clip->mode) != VIT_OK)
        return vit_fail_in(VIT_EINVAL, "--clip %s", text);
    clip->limit = colon ? strtod(colon + 1, &end) : 0;
    const bool none = clip->mode == VIT_CLIP_NONE;
    if (none ? colon != NULL : !(colon && end != colon + 1 && !*end && clip->limit > 0 && isfinite(clip->limit)))
        return vit_fail(VIT_EINVAL, "--clip %s: takes none, or a limit above 0: agc:0.02, norm:1, value:0.5", text);
    return VIT_OK;
}

static int read_optimizer(struct vit_trainer_options *trainer, const struct vit_options *options)
{
    trainer->optimizer = vit_optimizer_find(options->optimizer);
    if (!trainer->optimizer)
        return vit_fail_in(VIT_EINVAL, "--optimizer");
    trainer->optimizer_options = trainer->optimizer->defaults;
    trainer->optimizer_options.weight_decay = options->weight_decay;
    trainer->optimizer_options.momentum = options->momentum;
    trainer->optimizer_options.decay = VIT_DECAY_MATRICES;
    return VIT_OK;
}

static int read_loss(struct vit_loss_options *loss, const struct vit_options *options)
{
    *loss = (struct vit_loss_options){.alpha = options->alpha, .temperature = options->tau, .mean_over_classes = true};
    const bool soft = strcmp(options->distill, "soft") == 0;
    if (!soft && strcmp(options->distill, "hard") != 0)
        return vit_fail(VIT_EINVAL, "--distill %s: there are soft and hard", options->distill);
    if (options->distill_from)
        loss->distillation = soft ? VIT_DISTILLATION_SOFT : VIT_DISTILLATION_HARD;
    return VIT_OK;
}

static int read_model(struct vit_training_settings *s, const struct vit_options *options,
                      const struct vit_model_def *model, int classes)
{
    struct vit_model_def *own = &s->choice.model;
    *own = *model;
    if (vit_model_change(&s->choice, options->set) != VIT_OK)
        return vit_fail_in(VIT_EINVAL, "--set");
    if (options->img)
        own->config.img = options->img;
    own->config.classes = classes;
    own->crop_percentage = options->crop;
    s->preprocess = (struct vit_preprocess){.size = own->config.img,
                                            .crop_percentage = options->crop,
                                            .interpolation = VIT_INTERPOLATION_BICUBIC,
                                            .crop_mode = VIT_CROP_CENTER,
                                            .mean = VIT_IMAGENET_MEAN,
                                            .std = VIT_IMAGENET_STD};
    return VIT_OK;
}

static int read_changes_of_images(struct vit_training_settings *s, const struct vit_options *options)
{
    s->mix = (struct vit_mix){.smoothing = options->smoothing,
                              .mixup_alpha = options->mixup,
                              .cutmix_alpha = options->cutmix,
                              .probability = 1,
                              .switching = 0.5};
    int status = vit_mix_check(&s->mix);
    if (status == VIT_OK && vit_augment_parse(&s->augment, options->augment, s->preprocess.size) != VIT_OK)
        status = vit_fail_in(VIT_EINVAL, "--augment");
    return status;
}

int vit_training_settings_read(struct vit_training_settings *s, const struct vit_options *options,
                               const struct vit_model_def *model, int classes)
{
    *s = (struct vit_training_settings){.trainer = {.model = {.batch = options->batch},
                                                    .threads = options->threads,
                                                    .seed = options->seed,
                                                    .accumulate = options->accumulate,
                                                    .ema = options->ema}};
    int status = read_model(s, options, model, classes);
    if (status == VIT_OK)
        status = read_changes_of_images(s, options);
    if (status == VIT_OK)
        status = read_lr(s, options->lr);
    if (status == VIT_OK)
        status = read_schedule(s, options);
    if (status == VIT_OK)
        status = read_clip(&s->trainer.clip, options->clip);
    if (status == VIT_OK)
        status = read_optimizer(&s->trainer, options);
    return status == VIT_OK ? read_loss(&s->trainer.loss, options) : status;
}

char *vit_training_settings_text(const struct vit_options *options, const char *model, int ranks)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    fprintf(file, "model=%s\n", model);
    for (size_t i = 0; i < sizeof deciding / sizeof deciding[0]; i++) {
        char value[VIT_OPTION_TEXT];
        vit_options_text(value, options, deciding[i]);
        if (strcmp(deciding[i], "batch") == 0) /* of all ranks: how many share it does not matter */
            snprintf(value, sizeof value, "%" PRId64, (int64_t)options->batch * ranks);
        fprintf(file, "%s=%s\n", deciding[i], value);
    }
    return fclose(file) == 0 ? text : NULL;
}

static const char *value_of(const char *line, size_t *name, size_t *length)
{
    *name = strcspn(line, "=\n");
    *length = strcspn(line, "\n") - *name;
    return line + *name;
}

int vit_training_settings_compare(const char *there, const char *here, const char *folder)
{
    while (*there || *here) {
        size_t name, other, length, other_length;
        const char *a = value_of(there, &name, &length), *b = value_of(here, &other, &other_length);
        if (name != other || memcmp(there, here, name) != 0)
            return vit_fail(VIT_EINVAL, "%s holds a run of another version of this program; choose another --out",
                            folder);
        if (length != other_length || memcmp(a, b, length) != 0)
            return vit_fail(VIT_EINVAL, "%s holds a run with --%.*s%.*s, this one has --%.*s; choose another --out",
                            folder, (int)name, there, (int)length, length > 1 ? a : "= (none)",
                            (int)(other + other_length), here);
        there += name + length + (there[name + length] != '\0');
        here += other + other_length + (here[other + other_length] != '\0');
    }
    return VIT_OK;
}
