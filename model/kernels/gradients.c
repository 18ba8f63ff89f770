/* SPDX-License-Identifier: MIT */
/* gradients.c - loops of the ways back of activations, softmax and norms. `adds`: what is computed is added to dx. */
#include "model/kernels/isa.h"
#include "model/kernels/vector_lanes.h"
#include "model/kernels/vector_math.h"

#include <math.h>

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
    return vit_vector_normal_cdf(x) + x * density * vit_vector_exp(x * x * (vit_real)-0.5);
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

static inline vit_real sum_lanes(vit_vector v)
{
    vit_real sum = 0;
    for (int l = 0; l < VIT_LANES; l++)
        sum += v[l];
    return sum;
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
    double rest = 0, rest_product = 0;
    for (; i < n; i++) {
        rest += (double)a[i];
        rest_product += (double)(a[i] * (b[i] - about));
    }
    sums[0] += (double)sum_lanes(sum) + rest;
    sums[1] += (double)sum_lanes(product) + rest_product;
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
    sums[0] += (double)sum_lanes(sum) + rest;
    sums[1] += (double)sum_lanes(square) + rest_square;
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

/* Rows of n: h = (x - mean) / deviation; dh = dy w; dx = (dh - mean dh - h mean(dh h)) / deviation; part (2, n): += dy
 * h and += dy. dx may be NULL. size: rows, n, adds. scratch (n). */
void VIT_KERNEL_NAME(layer_norm_back_rows)(vit_real *dx, vit_real *part, const vit_real *const source[3],
                                           vit_real *scratch, const int64_t *size, double eps)
{
    const int64_t n = size[1];
    const vit_real *x = source[0], *dy = source[1], *w = source[2];
    for (int64_t row = 0; row < size[0]; row++, x += n, dy += n, dx = dx ? dx + n : dx) {
        double moment[2] = {0, 0}, sums[2] = {0, 0};
        VIT_KERNEL_NAME(moments)(moment, x, 0, n);
        const vit_real mean = (vit_real)(moment[0] / (double)n);
        moment[0] = moment[1] = 0;
        VIT_KERNEL_NAME(moments)(moment, x, mean, n);
        const vit_real rstd = (vit_real)(1 / sqrt(moment[1] / (double)n + eps));
        for (int64_t i = 0; i < n; i++) {
            part[i] += dy[i] * (x[i] - mean) * rstd;
            part[n + i] += dy[i];
            scratch[i] = dy[i] * w[i];
        }
        if (!dx)
            continue;
        VIT_KERNEL_NAME(sum_and_dot)(sums, scratch, x, mean, n);
        const vit_real slope = (vit_real)(-sums[1] / (double)n) * rstd * rstd * rstd;
        const vit_real shift = (vit_real)(-sums[0] / (double)n) * rstd;
        VIT_KERNEL_NAME(norm_back)
        (dx, scratch, x, (const vit_real[]){rstd, slope, mean, shift}, (const int64_t[]){n, size[2]});
    }
}
