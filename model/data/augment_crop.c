/* SPDX-License-Identifier: MIT */
#include "model/data/augment_crop.h"

#include <math.h>
#include <string.h>

#include "model/base/status.h"

enum { ATTEMPTS = 10 };

struct box {
    int left, top, width, height;
};

static double between(struct vit_rng *rng, double low, double high)
{
    return low + (high - low) * vit_rng_uniform(rng);
}

/* Python's round(): halves to even. */
static double round_even(double x)
{
    return nearbyint(x);
}

/* Where ten tries do not fit: the largest centred part whose shape is in range. */
static struct box choose_center(const struct vit_augment *augment, int width, int height)
{
    struct box box = {0, 0, width, height};
    const double ratio = (double)width / height;
    if (ratio < augment->ratio[0])
        box.height = (int)round_even(width / augment->ratio[0]);
    else if (ratio > augment->ratio[1])
        box.width = (int)round_even(height * augment->ratio[1]);
    box.left = (width - box.width) / 2;
    box.top = (height - box.height) / 2;
    return box;
}

static struct box draw_box(const struct vit_augment *augment, int width, int height, struct vit_rng *rng)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const double area = between(rng, augment->area[0], augment->area[1]) * width * height;
        const double ratio = exp(between(rng, log(augment->ratio[0]), log(augment->ratio[1])));
        const double wide = round_even(sqrt(area * ratio)), high = round_even(sqrt(area / ratio));
        if (wide < 1 || high < 1 || wide > width || high > height)
            continue;
        const int top = (int)vit_rng_below(rng, height - (int)high + 1);
        const int left = (int)vit_rng_below(rng, width - (int)wide + 1);
        return (struct box){left, top, (int)wide, (int)high};
    }
    return choose_center(augment, width, height);
}

static int cut(const struct vit_image *source, struct box box, struct vit_image *result)
{
    int status = vit_image_open(result, box.width, box.height);
    const size_t row = 3 * (size_t)box.width;
    for (int y = 0; status == VIT_OK && y < box.height; y++) {
        const size_t from = (size_t)(box.top + y) * (size_t)source->width + (size_t)box.left;
        memcpy(result->rgb + (size_t)y * row, source->rgb + 3 * from, row);
    }
    return status;
}

static int crop_resized(const struct vit_augment *augment, const struct vit_resize *resize,
                        const struct vit_image *source, struct vit_rng *rng, struct vit_image *result)
{
    struct vit_image part;
    int status = cut(source, draw_box(augment, source->width, source->height, rng), &part);
    if (status != VIT_OK)
        return status;
    status = vit_image_resize(result, &part, resize);
    vit_image_close(&part);
    return status;
}

/* Black where the window leaves the image. */
static int crop_padded(const struct vit_augment *augment, const struct vit_resize *resize,
                       const struct vit_image *source, struct vit_rng *rng, struct vit_image *result)
{
    struct vit_image whole;
    const int size = resize->width, padding = augment->padding;
    int status = vit_image_resize(&whole, source, resize);
    if (status != VIT_OK)
        return status;
    status = vit_image_open(result, size, size);
    if (status == VIT_OK) {
        const int down = (int)vit_rng_below(rng, 2 * padding + 1) - padding;
        const int right = (int)vit_rng_below(rng, 2 * padding + 1) - padding;
        const size_t row = 3 * (size_t)size, columns = 3 * (size_t)(size - (right < 0 ? -right : right));
        memset(result->rgb, 0, row * (size_t)size);
        for (int y = 0; y < size; y++)
            if (y + down >= 0 && y + down < size)
                memcpy(result->rgb + (size_t)y * row + (right < 0 ? 3 * (size_t)-right : 0),
                       whole.rgb + (size_t)(y + down) * row + (right > 0 ? 3 * (size_t)right : 0), columns);
    }
    vit_image_close(&whole);
    return status;
}

int vit_augment_crop_image(const struct vit_augment *augment, const struct vit_preprocess *preprocess,
                           const struct vit_image *source, struct vit_rng *rng, struct vit_image *result)
{
    struct vit_preprocess changed = *preprocess;
    if (augment->any_interpolation)
        changed.interpolation = vit_rng_below(rng, 2) ? VIT_INTERPOLATION_BICUBIC : VIT_INTERPOLATION_BILINEAR;
    if (augment->crop == VIT_AUGMENT_CENTER)
        return vit_preprocess_crop(source, &changed, result);
    const struct vit_resize resize = {
        .width = preprocess->size, .height = preprocess->size, .interpolation = changed.interpolation};
    return augment->crop == VIT_AUGMENT_RESIZED ? crop_resized(augment, &resize, source, rng, result)
                                                : crop_padded(augment, &resize, source, rng, result);
}

void vit_augment_mirror(struct vit_image *image)
{
    for (int y = 0; y < image->height; y++) {
        uint8_t *row = image->rgb + 3 * (size_t)y * (size_t)image->width;
        for (uint8_t *a = row, *b = row + 3 * ((size_t)image->width - 1); a < b; a += 3, b -= 3)
            for (int c = 0; c < 3; c++) {
                const uint8_t kept = a[c];
                a[c] = b[c];
                b[c] = kept;
            }
    }
}
