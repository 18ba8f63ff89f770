/* SPDX-License-Identifier: MIT */
/* grid_resize.c - target = M * source * M^T for every plane, with one matrix M (target_side, source_side) per method.
 */
#include "model/weights/grid_resize.h"

#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>

/* Keys' cubic convolution kernel with parameter a, at distance x. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return 0;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Positions outside the grid take the value at its edge. */
static void cubic_matrix(int64_t in, int64_t out, double *matrix)
{
    double scale = (double)in / (double)out;
    for (int64_t o = 0; o < out; o++) {
        double position = scale * ((double)o + 0.5) - 0.5, left = floor(position);
        for (int64_t tap = -1; tap <= 2; tap++)
            matrix[o * in + clamp((int64_t)left + tap, in)] += cubic(position - left - (double)tap, -0.75);
    }
}

/* Positions outside the grid are left out and the weights made to sum to one. */
static void cubic_antialias_matrix(int64_t in, int64_t out, double *matrix)
{
    double scale = (double)in / (double)out, width = scale > 1 ? scale : 1;
    for (int64_t o = 0; o < out; o++) {
        double centre = scale * ((double)o + 0.5), sum = 0;
        int64_t first = (int64_t)fmax(centre - 2 * width + 0.5, 0);
        int64_t last = (int64_t)fmin(centre + 2 * width + 0.5, (double)in);
        for (int64_t i = first; i < last; i++)
            sum += matrix[o * in + i] = cubic(((double)i - centre + 0.5) / width, -0.5);
        for (int64_t i = first; i < last; i++)
            matrix[o * in + i] /= sum;
    }
}

/* Distance of the source's point i from its middle: 1 + q + q^2 + ..., with q such that the outermost point meets the
 * target's. q comes from the reference's bisection, which stops at a width of 1e-6 and never goes below 1.01. */
static double geometric_ratio(int64_t in, int64_t out)
{
    double low = 1.01, high = 1.5, ratio = low;
    int64_t outermost = in / 2, target = out / 2;
    while (high - low > 1e-6) {
        ratio = (low + high) / 2;
        if ((1 - pow(ratio, (double)outermost)) / (1 - ratio) > (double)target)
            high = ratio;
        else
            low = ratio;
    }
    return ratio;
}

static double geometric_position(double ratio, int64_t i)
{
    double distance = (1 - pow(ratio, (double)llabs(i))) / (1 - ratio);
    return i < 0 ? -distance : distance;
}

/* Positions outside the grid take the value at its edge. */
static void geometric_linear_matrix(int64_t in, int64_t out, double *matrix)
{
    double ratio = geometric_ratio(in, out);
    int64_t middle = out / 2;
    for (int64_t o = 0; o < out; o++) {
        double position = (double)(o - middle);
        int64_t right = 0;
        while (right < in && geometric_position(ratio, right - in / 2) < position)
            right++;
        if (right == 0 || right == in) {
            matrix[o * in + clamp(right, in)] = 1;
            continue;
        }
        double a = geometric_position(ratio, right - 1 - in / 2), b = geometric_position(ratio, right - in / 2);
        matrix[o * in + right] = (position - a) / (b - a);
        matrix[o * in + right - 1] = (b - position) / (b - a);
    }
}

/* (in, in) -> (out, out): rows first. Elements are `stride` apart; between has out * in elements. */
static void apply(const struct vit_grid_resize *r, const double *matrix, double *between,
                  const vit_real *source /* (in, in, inner) */, vit_real *target /* (out, out, inner) */)
{
    int64_t in = r->source_side, out = r->target_side, stride = r->inner;
    for (int64_t y = 0; y < out; y++)
        for (int64_t x = 0; x < in; x++) {
            double sum = 0;
            for (int64_t i = 0; i < in; i++)
                sum += matrix[y * in + i] * (double)source[(i * in + x) * stride];
            between[y * in + x] = sum;
        }
    for (int64_t y = 0; y < out; y++)
        for (int64_t x = 0; x < out; x++) {
            double sum = 0;
            for (int64_t i = 0; i < in; i++)
                sum += matrix[x * in + i] * between[y * in + i];
            target[(y * out + x) * stride] = (vit_real)sum;
        }
}

int vit_grid_resize(const struct vit_grid_resize *resize, const vit_real *source, vit_real *target)
{
    static void (*const build[])(int64_t, int64_t, double *) = {cubic_matrix, cubic_antialias_matrix,
                                                                geometric_linear_matrix};
    int64_t in = resize->source_side, out = resize->target_side, inner = resize->inner;
    double *matrix = calloc((size_t)(2 * in * out) + 1, sizeof *matrix);
    if (!matrix)
        return vit_fail(VIT_ENOMEM, "out of memory to resize a grid from %lld to %lld", (long long)in, (long long)out);
    build[resize->method](in, out, matrix);
    for (int64_t o = 0; o < resize->outer; o++)
        for (int64_t i = 0; i < inner; i++)
            apply(resize, matrix, matrix + in * out, source + o * in * in * inner + i,
                  target + o * out * out * inner + i);
    free(matrix);
    return VIT_OK;
}
