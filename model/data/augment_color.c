/* SPDX-License-Identifier: MIT */
/* augment_color.c - PIL's ImageOps (autocontrast, equalize, invert, posterize, solarize) and ImageEnhance (brightness,
 * contrast, color, sharpness). */
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "model/data/augment_operation.h"

static size_t pixels_of(const struct vit_image *image)
{
    return (size_t)image->width * (size_t)image->height;
}

static uint8_t clip(int64_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void count_values(const struct vit_image *image, int64_t count[3][256])
{
    memset(count, 0, 3 * sizeof *count);
    for (size_t i = 0; i < pixels_of(image); i++)
        for (size_t c = 0; c < 3; c++)
            count[c][image->rgb[3 * i + c]]++;
}

static void look_up(struct vit_image *image, const uint8_t table[3][256])
{
    for (size_t i = 0; i < pixels_of(image); i++)
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = table[c][image->rgb[3 * i + c]];
}

int vit_augment_autocontrast(struct vit_image *image, double unused, const struct vit_augment_paint *paint)
{
    (void)unused, (void)paint;
    int64_t count[3][256];
    uint8_t table[3][256];
    count_values(image, count);
    for (int c = 0; c < 3; c++) {
        int low = 0, high = 255;
        while (low < 255 && !count[c][low])
            low++;
        while (high > 0 && !count[c][high])
            high--;
        const double scale = high > low ? 255.0 / (high - low) : 1, offset = high > low ? -low * scale : 0;
        for (int v = 0; v < 256; v++)
            table[c][v] = clip((int64_t)(v * scale + offset));
    }
    look_up(image, (const uint8_t(*)[256])table);
    return VIT_OK;
}

int vit_augment_equalize(struct vit_image *image, double unused, const struct vit_augment_paint *paint)
{
    (void)unused, (void)paint;
    int64_t count[3][256];
    uint8_t table[3][256];
    count_values(image, count);
    for (int c = 0; c < 3; c++) {
        int last = 255;
        while (last > 0 && !count[c][last])
            last--;
        /* 255 steps for all pixels but those of the brightest value; one value alone leaves 0 */
        const int64_t step = ((int64_t)pixels_of(image) - count[c][last]) / 255;
        int64_t below = step / 2;
        for (int v = 0; v < 256; below += count[c][v++])
            table[c][v] = step ? clip(below / step) : (uint8_t)v;
    }
    look_up(image, (const uint8_t(*)[256])table);
    return VIT_OK;
}

/* The same table for the three channels. */
static int look_up_one(struct vit_image *image, const uint8_t table[256])
{
    for (size_t i = 0; i < 3 * pixels_of(image); i++)
        image->rgb[i] = table[image->rgb[i]];
    return VIT_OK;
}

int vit_augment_invert(struct vit_image *image, double unused, const struct vit_augment_paint *paint)
{
    (void)unused, (void)paint;
    for (size_t i = 0; i < 3 * pixels_of(image); i++)
        image->rgb[i] = (uint8_t)(255 - image->rgb[i]);
    return VIT_OK;
}

/* No bits make the image black, as in Pillow before 13, which refuses them. */
int vit_augment_posterize(struct vit_image *image, double bits, const struct vit_augment_paint *paint)
{
    (void)paint;
    const uint8_t mask = (uint8_t)(0xff << (8 - (int)bits));
    for (size_t i = 0; i < 3 * pixels_of(image); i++)
        image->rgb[i] &= mask;
    return VIT_OK;
}

int vit_augment_solarize(struct vit_image *image, double threshold, const struct vit_augment_paint *paint)
{
    (void)paint;
    uint8_t table[256];
    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(v < threshold ? v : 255 - v);
    return look_up_one(image, table);
}

int vit_augment_solarize_add(struct vit_image *image, double add, const struct vit_augment_paint *paint)
{
    (void)paint;
    uint8_t table[256];
    for (int v = 0; v < 256; v++)
        table[v] = v < 128 ? clip(v + (int)add) : (uint8_t)v;
    return look_up_one(image, table);
}

/* PIL's Image.blend, in float: between the two it truncates, outside it clips first. */
static uint8_t blend(uint8_t from, uint8_t to, float factor)
{
    const float value = (float)from + factor * (float)(to - from);
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

int vit_augment_brightness(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    (void)paint;
    uint8_t table[256];
    for (int v = 0; v < 256; v++)
        table[v] = blend(0, (uint8_t)v, (float)factor);
    return look_up_one(image, table);
}

/* PIL's convert("L"): ITU-R 601-2 luma in 16 bit fixed point. */
static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

int vit_augment_contrast(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    (void)paint;
    int64_t sum = 0;
    for (size_t i = 0; i < pixels_of(image); i++)
        sum += luma(image->rgb + 3 * i);
    const uint8_t mean = (uint8_t)((double)sum / (double)pixels_of(image) + 0.5);
    uint8_t table[256];
    for (int v = 0; v < 256; v++)
        table[v] = blend(mean, (uint8_t)v, (float)factor);
    return look_up_one(image, table);
}

int vit_augment_saturation(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    (void)paint;
    for (size_t i = 0; i < pixels_of(image); i++) {
        uint8_t *pixel = image->rgb + 3 * i;
        const uint8_t gray = luma(pixel);
        for (int c = 0; c < 3; c++)
            pixel[c] = blend(gray, pixel[c], (float)factor);
    }
    return VIT_OK;
}

/* Blends with ImageFilter.SMOOTH: a 3 x 3 mean in which the middle counts five times; the border stays as it is. */
int vit_augment_sharpness(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    (void)paint;
    const size_t row = 3 * (size_t)image->width;
    if (image->width < 3 || image->height < 3)
        return VIT_OK;
    struct vit_image sharp;
    int status = vit_image_open(&sharp, image->width, image->height);
    if (status != VIT_OK)
        return status;
    memcpy(sharp.rgb, image->rgb, row * (size_t)image->height);
    for (size_t y = 1; y + 1 < (size_t)image->height; y++)
        for (size_t x = 3; x + 3 < row; x++) {
            const uint8_t *at = image->rgb + y * row + x, *up = at - row, *down = at + row;
            const int sum = up[-3] + up[0] + up[3] + at[-3] + 5 * at[0] + at[3] + down[-3] + down[0] + down[3];
            sharp.rgb[y * row + x] = blend((uint8_t)((2 * sum + 13) / 26), at[0], (float)factor);
        }
    vit_image_close(image);
    *image = sharp;
    return VIT_OK;
}
