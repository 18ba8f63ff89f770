/* SPDX-License-Identifier: MIT */
#include "model/data/sample.h"

#include <stdio.h>
#include <string.h>

#include "model/base/rng.h"
#include "model/base/status.h"

enum { MOST_REPLACEMENTS = 100 };

/* Decodes; a file without memory for it is not broken. */
static int read_image(const struct vit_sample_source *source, struct vit_sample *sample, struct vit_image *image)
{
    int status = vit_dataset_read(source->dataset, sample->index, image);
    if (status == VIT_OK || status == VIT_ENOMEM || source->strict)
        return status;
    sample->broken = true;
    snprintf(sample->message, sizeof sample->message, "%s", vit_error());
    struct vit_rng rng = vit_rng_at(source->seed, VIT_RNG_REPLACE, sample->key);
    for (int i = 0; source->replace && i < MOST_REPLACEMENTS; i++) {
        sample->index = source->subset[vit_rng_below(&rng, source->count)];
        status = vit_dataset_read(source->dataset, sample->index, image);
        if (status == VIT_OK || status == VIT_ENOMEM)
            return status;
    }
    sample->index = -1;
    if (source->replace)
        return vit_fail_in(status, "%d images in a row cannot be read; the last one", MOST_REPLACEMENTS + 1);
    return VIT_OK;
}

static int change_image(const struct vit_sample_source *source, uint64_t key, const struct vit_image *image,
                        vit_real *out)
{
    if (!source->augment)
        return vit_preprocess_image(image, source->preprocess, out);
    struct vit_rng rng = vit_rng_at(source->seed, VIT_RNG_AUGMENT, key);
    struct vit_image changed;
    int status = vit_augment_image(source->augment, source->preprocess, image, &rng, &changed);
    if (status != VIT_OK)
        return status;
    vit_preprocess_normalize(&changed, source->preprocess, out);
    vit_image_close(&changed);
    vit_augment_erase(source->augment, source->preprocess->size, &rng, out);
    return VIT_OK;
}

int vit_sample_make(const struct vit_sample_source *source, struct vit_sample *sample, vit_real *image)
{
    struct vit_image decoded = {0};
    sample->broken = false;
    int status = read_image(source, sample, &decoded);
    if (status != VIT_OK)
        return status;
    if (sample->index < 0) {
        const size_t side = (size_t)source->preprocess->size;
        memset(image, 0, 3 * side * side * sizeof *image);
        return VIT_OK;
    }
    status = change_image(source, sample->key, &decoded, image);
    vit_image_close(&decoded);
    if (status != VIT_OK)
        return vit_fail_in(status, "dataset %s: image %lld", source->dataset->def->name, (long long)sample->index);
    return VIT_OK;
}
