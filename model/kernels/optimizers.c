/* SPDX-License-Identifier: MIT */
/* optimizers.c - one step of n parameters (model/train/adamw.c, sgd.c), and moving averages. */
#include "model/kernels/isa.h"

#include <math.h>

#ifdef VIT_REAL_DOUBLE
#define ROOT sqrt
#else
#define ROOT sqrtf
#endif

/* state: p, m, v; factor: 1 - lr wd, b1, 1 - b1, b2, 1 - b2, lr / (1 - b1^t), 1 / sqrt(1 - b2^t), eps. */
void VIT_KERNEL_NAME(adamw)(vit_real *const *state, const vit_real *g, const vit_real *factor, int64_t n)
{
    vit_real *restrict p = state[0], *restrict m = state[1], *restrict v = state[2];
    const vit_real *restrict gradient = g;
    const vit_real keep = factor[0], b1 = factor[1], c1 = factor[2], b2 = factor[3], c2 = factor[4];
    const vit_real rate = factor[5], scale = factor[6], eps = factor[7];
    for (int64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + c1 * gradient[i];
        v[i] = b2 * v[i] + c2 * gradient[i] * gradient[i];
        p[i] = keep * p[i] - rate * m[i] / (ROOT(v[i]) * scale + eps);
    }
}

/* state: p, m; factor: wd, momentum, and what of gradient and m is added to p. */
void VIT_KERNEL_NAME(sgd)(vit_real *const *state, const vit_real *g, const vit_real *factor, int64_t n)
{
    vit_real *restrict p = state[0], *restrict m = state[1];
    const vit_real *restrict gradient = g;
    const vit_real decay = factor[0], momentum = factor[1], own = factor[2], remembered = factor[3];
    for (int64_t i = 0; i < n; i++) {
        const vit_real d = gradient[i] + decay * p[i];
        m[i] = momentum * m[i] + d;
        p[i] += own * d + remembered * m[i];
    }
}

/* y = keep y + (1 - keep) x. */
void VIT_KERNEL_NAME(average)(vit_real *restrict y, const vit_real *restrict x, double keep, int64_t n)
{
    const vit_real old = (vit_real)keep, new = (vit_real)(1 - keep);
    for (int64_t i = 0; i < n; i++)
        y[i] = old * y[i] + new *x[i];
}
