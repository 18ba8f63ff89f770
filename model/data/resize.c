/* SPDX-License-Identifier: MIT */
/* resize.c - antialiased resampling as PIL defines it.
 * Output pixel i of a side reduced by s = in / out has its centre at c = (i + 1/2) s. With f = max(s, 1) the filter
 * reaches r = support * f to both sides; input pixel j in [round(c - r), round(c + r)) weighs filter((j + 1/2 - c) /
 * f), divided by the sum of all weights and rounded to 22 fractional bits. */
#include "model/data/resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "model/base/status.h"

/* 32 bit sums of 8 bit samples, 2 bits spare for the overshoot of negative weights. */
#define FRACTION_BITS (32 - 8 - 2)
/* 64 bit products of sides and taps stay far from overflow, int positions too. */
#define MAX_SIDE (1 << 28)
#define MAX_WEIGHTS (1LL << 28)

struct filter {
    double support;
    double (*weight)(double x); /* x >= 0 */
};

/* The weights of one side: output i of the window sums inputs first[i] .. first[i] + count[i] - 1. */
struct taps {
    int *first, *count;
    int32_t *weights; /* (outputs, stride) */
    int stride;
};

static double weigh_bilinear(double x)
{
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double weigh_bicubic(double x)
{
    const double a = -0.5;
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static const struct filter filters[] = {
    [VIT_INTERPOLATION_BILINEAR] = {1.0, weigh_bilinear},
    [VIT_INTERPOLATION_BICUBIC] = {2.0, weigh_bicubic},
};

static void close_taps(struct taps *taps)
{
    free(taps->first);
    free(taps->count);
    free(taps->weights);
}

/* Weights of the output pixel with its centre at `center`; exact holds the unrounded ones. */
static void weigh_output(struct taps *taps, int output, const double *exact, double sum)
{
    int32_t *weights = taps->weights + (size_t)output * (size_t)taps->stride;
    for (int j = 0; j < taps->count[output]; j++) {
        double scaled = (sum != 0.0 ? exact[j] / sum : exact[j]) * (1 << FRACTION_BITS);
        weights[j] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
}

static int open_taps(struct taps *taps, const struct filter *filter, const int sides[2] /* in, out */,
                     const int window[2] /* start, length */)
{
    double scale = (double)sides[0] / sides[1], stretch = scale > 1.0 ? scale : 1.0;
    double support = filter->support * stretch;
    *taps = (struct taps){.stride = 2 * (int)ceil(support) + 1};
    size_t outputs = (size_t)window[1], stride = (size_t)taps->stride;
    if ((long long)outputs * taps->stride > MAX_WEIGHTS)
        return vit_fail(VIT_EINVAL, "resize from %d to %d pixels: the filter is too long", sides[0], sides[1]);
    double *exact = calloc(stride, sizeof *exact);
    taps->first = calloc(outputs, sizeof *taps->first);
    taps->count = calloc(outputs, sizeof *taps->count);
    taps->weights = malloc(outputs * stride * sizeof *taps->weights);
    if (!exact || !taps->first || !taps->count || !taps->weights) {
        free(exact);
        close_taps(taps);
        return vit_fail(VIT_ENOMEM, "resize from %d to %d pixels: out of memory", sides[0], sides[1]);
    }
    for (int i = 0; i < window[1]; i++) {
        double center = (window[0] + i + 0.5) * scale, sum = 0.0;
        int first = (int)fmax(center - support + 0.5, 0.0);
        int end = (int)fmin(center + support + 0.5, sides[0]);
        for (int j = first; j < end; j++) {
            exact[j - first] = filter->weight(fabs((j - center + 0.5) * (1.0 / stretch)));
            sum += exact[j - first];
        }
        taps->first[i] = first;
        taps->count[i] = end - first;
        weigh_output(taps, i, exact, sum);
    }
    free(exact);
    return VIT_OK;
}

static uint8_t round_sample(int32_t sum)
{
    int32_t value = sum >> FRACTION_BITS; /* arithmetic shift: rounds down, half was added before */
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Pixels from `start` on; the next row begins `stride` bytes later. */
struct view {
    const uint8_t *start;
    size_t stride;
};

/* Both passes read from the first pixel that any output needs: `in` starts at first[0]. */
static void resize_horizontally(struct view in, const struct taps *taps, struct vit_image *out)
{
    uint8_t *result = out->rgb;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++, result += 3) {
            const int32_t *weights = taps->weights + (size_t)x * (size_t)taps->stride;
            const uint8_t *pixel = in.start + (size_t)y * in.stride + 3 * (size_t)(taps->first[x] - taps->first[0]);
            int32_t red = 1 << (FRACTION_BITS - 1), green = red, blue = red;
            for (int j = 0; j < taps->count[x]; j++, pixel += 3) {
                red += pixel[0] * weights[j];
                green += pixel[1] * weights[j];
                blue += pixel[2] * weights[j];
            }
            result[0] = round_sample(red);
            result[1] = round_sample(green);
            result[2] = round_sample(blue);
        }
}

/* Rows are added up one after the other, so that the loop over samples runs through memory in order. */
static void resize_vertically(struct view in, const struct taps *taps, struct vit_image *out,
                              int32_t *sums /* (width, 3) */)
{
    size_t samples = 3 * (size_t)out->width;
    for (int y = 0; y < out->height; y++) {
        const int32_t *weights = taps->weights + (size_t)y * (size_t)taps->stride;
        const uint8_t *row = in.start + (size_t)(taps->first[y] - taps->first[0]) * in.stride;
        uint8_t *result = out->rgb + (size_t)y * samples;
        for (size_t x = 0; x < samples; x++)
            sums[x] = 1 << (FRACTION_BITS - 1);
        for (int j = 0; j < taps->count[y]; j++, row += in.stride)
            for (size_t x = 0; x < samples; x++)
                sums[x] += row[x] * weights[j];
        for (size_t x = 0; x < samples; x++)
            result[x] = round_sample(sums[x]);
    }
}

/* How many inputs the first `outputs` outputs need together. */
static int span(const struct taps *taps, int outputs)
{
    return taps->first[outputs - 1] + taps->count[outputs - 1] - taps->first[0];
}

/* Pillow 13 and later: when the height shrinks by more than twice what the width does, in pixels. Before, never. */
static bool vertical_comes_first(const struct vit_image *source, const struct vit_resize *resize)
{
    int64_t fewer_rows = (int64_t)source->height - resize->height;
    return fewer_rows > 0 && fewer_rows > 2 * ((int64_t)source->width - resize->width);
}

/* taps[0] makes columns, taps[1] rows; result is open with the size of the window. The order shows in the last bit. */
static int resample(struct vit_image *result, const struct vit_image *source, const struct taps taps[2],
                    bool vertical_first)
{
    int columns = span(&taps[0], result->width), rows = span(&taps[1], result->height);
    struct vit_image middle;
    int status =
        vit_image_open(&middle, vertical_first ? columns : result->width, vertical_first ? result->height : rows);
    if (status)
        return status;
    int32_t *sums = malloc(3 * (size_t)middle.width * sizeof *sums);
    if (!sums) {
        vit_image_close(&middle);
        return vit_fail(VIT_ENOMEM, "resize: out of memory");
    }
    size_t stride = 3 * (size_t)source->width;
    struct view in = {source->rgb + (size_t)taps[1].first[0] * stride + 3 * (size_t)taps[0].first[0], stride};
    struct view between = {middle.rgb, 3 * (size_t)middle.width};
    if (vertical_first) {
        resize_vertically(in, &taps[1], &middle, sums);
        resize_horizontally(between, &taps[0], result);
    } else {
        resize_horizontally(in, &taps[0], &middle);
        resize_vertically(between, &taps[1], result, sums);
    }
    free(sums);
    vit_image_close(&middle);
    return VIT_OK;
}

int vit_image_resize(struct vit_image *result, const struct vit_image *source, const struct vit_resize *resize)
{
    *result = (struct vit_image){0};
    int window[2] = {resize->window_width, resize->window_height};
    if (window[0] == 0 && window[1] == 0) {
        window[0] = resize->width;
        window[1] = resize->height;
    }
    if (resize->width < 1 || resize->height < 1 || resize->width > MAX_SIDE || resize->height > MAX_SIDE)
        return vit_fail(VIT_EINVAL, "resize to %d x %d pixels: sides must be 1 to %d", resize->width, resize->height,
                        MAX_SIDE);
    if (window[0] < 1 || window[1] < 1 || resize->left < 0 || resize->top < 0 ||
        resize->left > resize->width - window[0] || resize->top > resize->height - window[1])
        return vit_fail(VIT_EINVAL, "resize to %d x %d pixels: window %d x %d at (%d, %d) is not inside", resize->width,
                        resize->height, window[0], window[1], resize->left, resize->top);
    const struct filter *filter = &filters[resize->interpolation];
    struct taps taps[2];
    int status = open_taps(&taps[0], filter, (int[]){source->width, resize->width}, (int[]){resize->left, window[0]});
    if (status)
        return status;
    status = open_taps(&taps[1], filter, (int[]){source->height, resize->height}, (int[]){resize->top, window[1]});
    if (!status) {
        status = vit_image_open(result, window[0], window[1]);
        if (!status)
            status = resample(result, source, taps, vertical_comes_first(source, resize));
        if (status)
            vit_image_close(result);
        close_taps(&taps[1]);
    }
    close_taps(&taps[0]);
    return status;
}
