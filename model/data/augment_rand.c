/* SPDX-License-Identifier: MIT */
/* augment_rand.c - RandAugment (Cubuk et al. 2020) with the operations and strengths of timm's "inc1": what grows with
 * the magnitude is the change, also of the operations whose argument falls. Colour jitter draws from the same ones. */
#include "model/data/augment_rand.h"

#include <math.h>
#include <stddef.h>

#include "model/base/status.h"

#define HIGHEST 10.0

static double either_sign(double x, struct vit_rng *rng)
{
    return vit_rng_uniform(rng) > 0.5 ? -x : x;
}

/* Arguments; level: 0 to 1. */
static double choose_angle(double level, struct vit_rng *rng)
{
    return either_sign(level * 30, rng);
}

static double choose_bits(double level, struct vit_rng *rng)
{
    (void)rng;
    return 4 - floor(level * 4);
}

static double choose_threshold(double level, struct vit_rng *rng)
{
    (void)rng;
    return 256 - floor(level * 256);
}

static double choose_addition(double level, struct vit_rng *rng)
{
    (void)rng;
    return floor(level * 110);
}

static double choose_factor(double level, struct vit_rng *rng)
{
    return fmax(0.1, 1 + either_sign(level * 0.9, rng));
}

static double choose_shear(double level, struct vit_rng *rng)
{
    return either_sign(level * 0.3, rng);
}

static double choose_shift(double level, struct vit_rng *rng)
{
    return either_sign(level * 0.45, rng);
}

static const struct {
    int (*apply)(struct vit_image *image, double argument, const struct vit_augment_paint *paint);
    double (*choose)(double level, struct vit_rng *rng); /* NULL: needs no argument */
} operations[] = {
    {vit_augment_autocontrast, NULL},
    {vit_augment_equalize, NULL},
    {vit_augment_invert, NULL},
    {vit_augment_rotate, choose_angle},
    {vit_augment_posterize, choose_bits},
    {vit_augment_solarize, choose_threshold},
    {vit_augment_solarize_add, choose_addition},
    {vit_augment_saturation, choose_factor},
    {vit_augment_contrast, choose_factor},
    {vit_augment_brightness, choose_factor},
    {vit_augment_sharpness, choose_factor},
    {vit_augment_shear_x, choose_shear},
    {vit_augment_shear_y, choose_shear},
    {vit_augment_translate_x, choose_shift},
    {vit_augment_translate_y, choose_shift},
};
enum { N_OPERATIONS = sizeof operations / sizeof operations[0] };

int vit_augment_rand(const struct vit_augment *augment, const struct vit_augment_paint *paint, struct vit_rng *rng,
                     struct vit_image *image)
{
    int status = VIT_OK;
    for (int i = 0; i < augment->rand_operations && status == VIT_OK; i++) {
        const int kind = (int)vit_rng_below(rng, N_OPERATIONS);
        if (vit_rng_uniform(rng) > 0.5)
            continue;
        const double magnitude = augment->rand_magnitude + augment->rand_std * vit_rng_normal(rng);
        const double level = fmin(fmax(magnitude, 0), HIGHEST) / HIGHEST;
        const double argument = operations[kind].choose ? operations[kind].choose(level, rng) : 0;
        struct vit_augment_paint chosen = *paint;
        if (augment->any_interpolation)
            chosen.interpolation = vit_rng_below(rng, 2) ? VIT_INTERPOLATION_BICUBIC : VIT_INTERPOLATION_BILINEAR;
        status = operations[kind].apply(image, argument, &chosen);
    }
    return status;
}

int vit_augment_jitter(const struct vit_augment *augment, struct vit_rng *rng, struct vit_image *image)
{
    static int (*const kinds[])(struct vit_image *, double, const struct vit_augment_paint *) = {
        vit_augment_brightness, vit_augment_contrast, vit_augment_saturation};
    int64_t order[] = {0, 1, 2};
    vit_rng_shuffle(rng, order, 3);
    int status = VIT_OK;
    for (int i = 0; i < 3 && status == VIT_OK; i++) {
        const double factor = 1 + augment->color_jitter * (2 * vit_rng_uniform(rng) - 1);
        status = kinds[order[i]](image, fmax(factor, 0), NULL);
    }
    return status;
}
