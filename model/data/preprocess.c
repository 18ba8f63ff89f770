/* SPDX-License-Identifier: MIT */
/* preprocess.c - resize, centre crop and normalisation with the rounding of torchvision's Resize and CenterCrop. */
#include "model/data/preprocess.h"

#include <math.h>

#include "model/base/status.h"

#define MAX_MODEL_SIDE 16384

int vit_preprocess_check(const struct vit_preprocess *preprocess)
{
    if (preprocess->size < 1 || preprocess->size > MAX_MODEL_SIDE)
        return vit_fail(VIT_EINVAL, "preprocess: size %d must be 1 to %d", preprocess->size, MAX_MODEL_SIDE);
    if (!(preprocess->crop_percentage > 0.0 && preprocess->crop_percentage <= 1.0))
        return vit_fail(VIT_EINVAL, "preprocess: crop percentage %g must be above 0 and at most 1",
                        preprocess->crop_percentage);
    for (int c = 0; c < 3; c++)
        if (!isfinite(preprocess->mean[c]) || !isfinite(preprocess->std[c]) || preprocess->std[c] <= 0.0)
            return vit_fail(VIT_EINVAL, "preprocess: mean %g and std %g of channel %d must be finite, std above 0",
                            preprocess->mean[c], preprocess->std[c], c);
    return VIT_OK;
}

/* Start of the centred window: (side - size) / 2 with halves to even, as Python rounds. */
static int center(int side, int size)
{
    int margin = side - size, half = margin / 2;
    return margin % 2 ? half + half % 2 : half;
}

static int choose_resize(const struct vit_image *image, const struct vit_preprocess *preprocess,
                         struct vit_resize *resize)
{
    double scaled = floor(preprocess->size / preprocess->crop_percentage);
    int shorter = image->width < image->height ? image->width : image->height;
    double sides[2] = {scaled, scaled}; /* width, height */
    if (preprocess->crop_mode == VIT_CROP_CENTER) {
        /* Python: int(scale_size * long / short); the product is exact, the division rounds once */
        sides[0] = image->width == shorter ? scaled : floor(scaled * image->width / shorter);
        sides[1] = image->height == shorter ? scaled : floor(scaled * image->height / shorter);
    }
    if (sides[0] > VIT_IMAGE_MAX_PIXELS || sides[1] > VIT_IMAGE_MAX_PIXELS)
        return vit_fail(VIT_EINVAL, "image of %d x %d pixels: too long and thin to be resized to %.0f x %.0f",
                        image->width, image->height, sides[0], sides[1]);
    *resize = (struct vit_resize){
        .width = (int)sides[0],
        .height = (int)sides[1],
        .interpolation = preprocess->interpolation,
        .left = center((int)sides[0], preprocess->size),
        .top = center((int)sides[1], preprocess->size),
        .window_width = preprocess->size,
        .window_height = preprocess->size,
    };
    return VIT_OK;
}

int vit_preprocess_crop(const struct vit_image *image, const struct vit_preprocess *preprocess,
                        struct vit_image *result)
{
    struct vit_resize resize;
    int status = vit_preprocess_check(preprocess);
    if (!status)
        status = choose_resize(image, preprocess, &resize);
    return status ? status : vit_image_resize(result, image, &resize);
}

void vit_preprocess_normalize(const struct vit_image *image, const struct vit_preprocess *preprocess,
                              vit_real *out /* (3, size, size) */)
{
    size_t pixels = (size_t)preprocess->size * (size_t)preprocess->size;
    for (size_t c = 0; c < 3; c++) {
        /* each of the 256 values is computed once, in the number type of the model as PyTorch does */
        vit_real normalized[256], mean = (vit_real)preprocess->mean[c], std = (vit_real)preprocess->std[c];
        for (int v = 0; v < 256; v++)
            normalized[v] = ((vit_real)v / 255 - mean) / std;
        for (size_t i = 0; i < pixels; i++)
            out[c * pixels + i] = normalized[image->rgb[3 * i + c]];
    }
}

int vit_preprocess_image(const struct vit_image *image, const struct vit_preprocess *preprocess,
                         vit_real *out /* (3, size, size) */)
{
    struct vit_image crop;
    int status = vit_preprocess_crop(image, preprocess, &crop);
    if (status)
        return status;
    vit_preprocess_normalize(&crop, preprocess, out);
    vit_image_close(&crop);
    return VIT_OK;
}
