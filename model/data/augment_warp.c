/* SPDX-License-Identifier: MIT */
/* augment_warp.c - PIL's Image.transform(AFFINE) with its bilinear and bicubic filters: each pixel of the result looks
 * up the place (a x + b y + c, d x + e y + f) of the source; places outside get the fill colour. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"
#include "model/data/augment_operation.h"

/* Between b and c at 0 <= t < 1. */
static double cubic(double a, double b, double c, double d, double t)
{
    const double p1 = c - a, p2 = 2 * (a - b) + c - d, p3 = b - a + d - c;
    return b + t * (p1 + t * (p2 + t * p3));
}

static double linear(double a, double b, double t)
{
    return a + (b - a) * t;
}

static int inside(int at, int side)
{
    return at < 0 ? 0 : at < side ? at : side - 1;
}

/* Row y of the source at x + dx. At whole places the neighbours have no weight, and then PIL's sum is exact. */
static double cubic_row(const uint8_t *row, const int at[4], double dx)
{
    return dx == 0 ? row[at[1]] : cubic(row[at[0]], row[at[1]], row[at[2]], row[at[3]], dx);
}

static void sample_bicubic(const struct vit_image *source, double x, double y, uint8_t *pixel)
{
    const int left = (int)floor(x), top = (int)floor(y), width = source->width, height = source->height;
    const double dx = x - left, dy = y - top;
    const uint8_t *row[4];
    int at[4];
    for (int i = 0; i < 4; i++) {
        row[i] = source->rgb + 3 * (size_t)width * (size_t)inside(top - 1 + i, height);
        at[i] = 3 * inside(left - 1 + i, width);
    }
    for (int c = 0; c < 3; c++) {
        double value = cubic_row(row[1] + c, at, dx);
        if (dy != 0)
            value = cubic(cubic_row(row[0] + c, at, dx), value, cubic_row(row[2] + c, at, dx),
                          cubic_row(row[3] + c, at, dx), dy);
        pixel[c] = (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : value);
    }
}

static void sample_bilinear(const struct vit_image *source, double x, double y, uint8_t *pixel)
{
    const int left = (int)floor(x), top = (int)floor(y), width = source->width, height = source->height;
    const double dx = x - left, dy = y - top;
    const uint8_t *upper = source->rgb + 3 * (size_t)width * (size_t)inside(top, height);
    const uint8_t *lower = source->rgb + 3 * (size_t)width * (size_t)inside(top + 1, height);
    const int a = 3 * inside(left, width), b = 3 * inside(left + 1, width);
    for (int c = 0; c < 3; c++)
        pixel[c] = (uint8_t)linear(linear(upper[a + c], upper[b + c], dx), linear(lower[a + c], lower[b + c], dx), dy);
}

static int warp(struct vit_image *image, const double matrix[6], const struct vit_augment_paint *paint)
{
    struct vit_image result;
    int status = vit_image_open(&result, image->width, image->height);
    if (status != VIT_OK)
        return status;
    uint8_t *pixel = result.rgb;
    for (int row = 0; row < image->height; row++)
        for (int column = 0; column < image->width; column++, pixel += 3) {
            const double x = matrix[0] * (column + 0.5) + matrix[1] * (row + 0.5) + matrix[2];
            const double y = matrix[3] * (column + 0.5) + matrix[4] * (row + 0.5) + matrix[5];
            if (x < 0 || x >= image->width || y < 0 || y >= image->height)
                memcpy(pixel, paint->fill, 3);
            else if (paint->interpolation == VIT_INTERPOLATION_BICUBIC)
                sample_bicubic(image, x - 0.5, y - 0.5, pixel);
            else
                sample_bilinear(image, x - 0.5, y - 0.5, pixel);
        }
    vit_image_close(image);
    *image = result;
    return VIT_OK;
}

int vit_augment_shear_x(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    return warp(image, (const double[]){1, factor, 0, 0, 1, 0}, paint);
}

int vit_augment_shear_y(struct vit_image *image, double factor, const struct vit_augment_paint *paint)
{
    return warp(image, (const double[]){1, 0, 0, factor, 1, 0}, paint);
}

int vit_augment_translate_x(struct vit_image *image, double share, const struct vit_augment_paint *paint)
{
    return warp(image, (const double[]){1, 0, share * image->width, 0, 1, 0}, paint);
}

int vit_augment_translate_y(struct vit_image *image, double share, const struct vit_augment_paint *paint)
{
    return warp(image, (const double[]){1, 0, 0, 0, 1, share * image->height}, paint);
}

/* Python's round(x, 15), which rounds the decimal digits. */
static double round_15(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.15f", x);
    return strtod(text, NULL);
}

/* Counter-clockwise around the centre. */
int vit_augment_rotate(struct vit_image *image, double degrees, const struct vit_augment_paint *paint)
{
    const double pi = 3.14159265358979323846, turned = fmod(degrees, 360), angle = turned < 0 ? turned + 360 : turned;
    const double radians = -(angle * (pi / 180)), x = image->width / 2.0, y = image->height / 2.0;
    const double c = round_15(cos(radians)), s = round_15(sin(radians)), minus = round_15(-sin(radians));
    return warp(image, (const double[]){c, s, c * -x + s * -y + 0.0 + x, minus, c, minus * -x + c * -y + 0.0 + y},
                paint);
}
