/* SPDX-License-Identifier: MIT */
/* gradients.c - loops of the ways back of activations, softmax and norms. `adds`: what is computed is added to dx. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"
#include "model/kernels/vector_math.h"

#include <math.h>
#include <stdbool.h>

/* dx = dy but where y <= 0: NaN, which is not, lets it pass. */
void VIT_KERNEL_NAME(relu_back)(vit_real *dx, const vit_real *y, const vit_real *dy, int64_t n, int64_t adds)
{
    for (int64_t i = 0; i < n; i++) {
        const vit_real gradient = y[i] <= 0 ? 0 : dy[i];
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* dx = dy y (1 - y). */
void VIT_KERNEL_NAME(sigmoid_back)(vit_real *dx, const vit_real *y, const vit_real *dy, int64_t n, int64_t adds)
{
    for (int64_t i = 0; i < n; i++) {
        const vit_real gradient = dy[i] * y[i] * (1 - y[i]);
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* d/dx x P(x) = P(x) + x p(x), P and p the normal distribution and its density. */
static inline vit_vector gelu_slope(vit_vector x)
{
    const vit_real density = (vit_real)0.39894228040143267794; /* 1 / sqrt(2 pi) */
    vit_vector power;
    const vit_vector distribution = vit_vector_normal(x, &power);
    return distribution + x * density * power;
}

void VIT_KERNEL_NAME(gelu_back)(vit_real *dx, const vit_real *x, const vit_real *dy, int64_t n, int64_t adds)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        vit_vector gradient = vit_vector_load(dy + i) * gelu_slope(vit_vector_load(x + i));
        if (adds)
            gradient += vit_vector_load(dx + i);
        vit_vector_store(dx + i, gradient);
    }
    if (i == n)
        return;
    vit_vector gradient = vit_vector_load_part(dy + i, n - i, 0) * gelu_slope(vit_vector_load_part(x + i, n - i, 0));
    if (adds)
        gradient += vit_vector_load_part(dx + i, n - i, 0);
    vit_vector_store_part(dx + i, gradient, n - i);
}

/* d/dx x s(x) = s (1 + x (1 - s)), s the sigmoid. */
static inline vit_vector silu_slope(vit_vector x)
{
    const vit_vector s = vit_vector_sigmoid(x);
    return s * (1 + x * (1 - s));
}

void VIT_KERNEL_NAME(silu_back)(vit_real *dx, const vit_real *x, const vit_real *dy, int64_t n, int64_t adds)
{
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        vit_vector gradient = vit_vector_load(dy + i) * silu_slope(vit_vector_load(x + i));
        if (adds)
            gradient += vit_vector_load(dx + i);
        vit_vector_store(dx + i, gradient);
    }
    if (i == n)
        return;
    vit_vector gradient = vit_vector_load_part(dy + i, n - i, 0) * silu_slope(vit_vector_load_part(x + i, n - i, 0));
    if (adds)
        gradient += vit_vector_load_part(dx + i, n - i, 0);
    vit_vector_store_part(dx + i, gradient, n - i);
}

/* dx = dy (2 x + 3) / 6 between -3 and 3, 0 below, dy above. */
void VIT_KERNEL_NAME(hswish_back)(vit_real *dx, const vit_real *x, const vit_real *dy, int64_t n, int64_t adds)
{
    const vit_real third = (vit_real)(1.0 / 3), half = (vit_real)0.5;
    for (int64_t i = 0; i < n; i++) {
        const vit_real inside = x[i] * third + half, slope = x[i] < -3 ? 0 : x[i] > 3 ? 1 : inside;
        const vit_real gradient = dy[i] * slope;
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* dx = dy between 0 and 6, else 0. */
void VIT_KERNEL_NAME(relu6_back)(vit_real *dx, const vit_real *x, const vit_real *dy, int64_t n, int64_t adds)
{
    for (int64_t i = 0; i < n; i++) {
        const vit_real gradient = x[i] > 0 && x[i] < 6 ? dy[i] : 0;
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* dx = dy / 6 between -3 and 3, else 0. */
void VIT_KERNEL_NAME(hsigmoid_back)(vit_real *dx, const vit_real *x, const vit_real *dy, int64_t n, int64_t adds)
{
    const vit_real sixth = (vit_real)(1.0 / 6);
    for (int64_t i = 0; i < n; i++) {
        const vit_real gradient = x[i] > -3 && x[i] < 3 ? dy[i] * sixth : 0;
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* sums[0] += sum of a, sums[1] += sum of a * (b - about). */
void VIT_KERNEL_NAME(sum_and_dot)(double *sums, const vit_real *a, const vit_real *b, vit_real about, int64_t n)
{
    vit_vector sum = {0}, product = {0};
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        const vit_vector v = vit_vector_load(a + i);
        sum += v;
        product += v * (vit_vector_load(b + i) - about);
    }
    if (i < n) {
        const vit_vector v = vit_vector_load_part(a + i, n - i, 0);
        sum += v;
        product += v * (vit_vector_load_part(b + i, n - i, about) - about);
    }
    sums[0] += (double)vit_vector_sum(sum);
    sums[1] += (double)vit_vector_sum(product);
}

/* sums[0] += sum of x, sums[1] += sum of (x - about)^2. */
void VIT_KERNEL_NAME(moments)(double *sums, const vit_real *x, vit_real about, int64_t n)
{
    vit_vector sum = {0}, square = {0};
    int64_t i = 0;
    for (; i + VIT_LANES <= n; i += VIT_LANES) {
        const vit_vector v = vit_vector_load(x + i), d = v - about;
        sum += v;
        square += d * d;
    }
    double rest = 0, rest_square = 0;
    for (; i < n; i++) {
        const double d = (double)(x[i] - about);
        rest += (double)x[i];
        rest_square += d * d;
    }
    sums[0] += (double)vit_vector_sum(sum) + rest;
    sums[1] += (double)vit_vector_sum(square) + rest_square;
}

/* sums[i] += dy[i], times a[i] where a is not NULL. */
void VIT_KERNEL_NAME(column_sums)(double *sums, const vit_real *dy, const vit_real *a, int64_t n)
{
    if (a)
        for (int64_t i = 0; i < n; i++)
            sums[i] += (double)dy[i] * (double)a[i];
    else
        for (int64_t i = 0; i < n; i++)
            sums[i] += (double)dy[i];
}

/* dx = c[0] dy + c[1] (x - c[2]) + c[3]. */
void VIT_KERNEL_NAME(norm_back)(vit_real *dx, const vit_real *dy, const vit_real *x, const vit_real *c,
                                const int64_t *n)
{
    const vit_real c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3];
    for (int64_t i = 0; i < n[0]; i++) {
        const vit_real gradient = c0 * dy[i] + c1 * (x[i] - c2) + c3;
        dx[i] = n[1] ? dx[i] + gradient : gradient;
    }
}

/* Rows of n: dx = y (dy - sum of y dy). size: rows, n, adds. */
void VIT_KERNEL_NAME(softmax_back_rows)(vit_real *dx, const vit_real *y, const vit_real *dy, const int64_t *size)
{
    for (int64_t row = 0; row < size[0]; row++, dx += size[1], y += size[1], dy += size[1]) {
        double sums[2] = {0, 0};
        VIT_KERNEL_NAME(sum_and_dot)(sums, y, dy, 0, size[1]);
        const vit_real product = (vit_real)sums[1];
        for (int64_t i = 0; i < size[1]; i++) {
            const vit_real gradient = y[i] * (dy[i] - product);
            dx[i] = size[2] ? dx[i] + gradient : gradient;
        }
    }
}

/* What a row of a layer norm is made of: sums of d, d * d, g and g * d, d = x - centre, g = dy * w. */
struct row_sums {
    vit_real d, square, g, product;
};

static inline struct row_sums sum_row(const vit_real *const source[3], int64_t n, vit_real centre)
{
    vit_vector sum[4] = {{0}, {0}, {0}, {0}};
    for (int64_t i = 0; i < n; i += VIT_LANES) {
        const bool whole = i + VIT_LANES <= n;
        const vit_vector x =
            whole ? vit_vector_load(source[0] + i) : vit_vector_load_part(source[0] + i, n - i, centre);
        const vit_vector dy = whole ? vit_vector_load(source[1] + i) : vit_vector_load_part(source[1] + i, n - i, 0);
        const vit_vector w = whole ? vit_vector_load(source[2] + i) : vit_vector_load_part(source[2] + i, n - i, 0);
        const vit_vector d = x - centre, g = dy * w;
        sum[0] += d;
        sum[1] += d * d;
        sum[2] += g;
        sum[3] += g * d;
    }
    return (struct row_sums){vit_vector_sum(sum[0]), vit_vector_sum(sum[1]), vit_vector_sum(sum[2]),
                             vit_vector_sum(sum[3])};
}

/* Rows of n: h = (x - mean) / deviation; dh = dy w; dx = (dh - mean dh - h mean(dh h)) / deviation; part (2, n): += dy
 * h and += dy. dx may be NULL. size: rows, n, adds. Sums about a first mean correct it, as in the forward. */
void VIT_KERNEL_NAME(layer_norm_back_rows)(vit_real *dx, vit_real *part, const vit_real *const source[3],
                                           const int64_t *size, double eps)
{
    const int64_t n = size[1];
    const vit_real inverse = 1 / (vit_real)n, *x = source[0], *dy = source[1], *w = source[2];
    for (int64_t row = 0; row < size[0]; row++, x += n, dy += n, dx = dx ? dx + n : dx) {
        const vit_real centre = vit_row_sum(x, n) * inverse;
        const struct row_sums s = sum_row((const vit_real *const[]){x, dy, w}, n, centre);
        const vit_real more = s.d * inverse, variance = s.square * inverse - more * more;
        const vit_real rstd = (vit_real)(1 / sqrt((double)variance + eps));
        const vit_real slope = -(s.product - more * s.g) * inverse * rstd * rstd, shift = -s.g * inverse;
        for (int64_t i = 0; i < n; i++) {
            part[i] += dy[i] * (((x[i] - centre) - more) * rstd);
            part[n + i] += dy[i];
        }
        if (dx && size[2])
            for (int64_t i = 0; i < n; i++)
                dx[i] += (dy[i] * w[i] + slope * ((x[i] - centre) - more) + shift) * rstd;
        else if (dx)
            for (int64_t i = 0; i < n; i++)
                dx[i] = (dy[i] * w[i] + slope * ((x[i] - centre) - more) + shift) * rstd;
    }
}
