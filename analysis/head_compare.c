/* SPDX-License-Identifier: MIT */
#include "analysis/head_compare.h"

#include <math.h>
#include <string.h>

static double dot(const double *a, const double *b, int64_t n)
{
    enum { LANES = 8 }; /* sums side by side: a fixed order that a compiler may vectorise */
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static void make_gram(struct vit_head_sample *s)
{
    const int64_t n = s->tokens;
    memset(s->gram, 0, (size_t)(n * n) * sizeof *s->gram);
    for (int64_t k = 0; k < s->width; k++)
        for (int64_t i = 0; i < n; i++) {
            const double factor = s->x[k * n + i];
            const double *restrict row = s->x + k * n;
            double *restrict gram = s->gram + i * n;
            for (int64_t j = 0; j < n; j++)
                gram[j] += factor * row[j];
        }
    s->gram_sum = 0;
    for (int64_t i = 0; i < n; i++) {
        s->gram[i * n + i] = 0;
        s->gram_row[i] = 0;
        for (int64_t j = 0; j < n; j++)
            s->gram_row[i] += s->gram[i * n + j];
        s->gram_sum += s->gram_row[i];
    }
}

void vit_head_sample_prepare(struct vit_head_sample *s)
{
    memset(s->norm, 0, (size_t)s->tokens * sizeof *s->norm);
    for (int64_t k = 0; k < s->width; k++)
        for (int64_t i = 0; i < s->tokens; i++)
            s->norm[i] += s->x[k * s->tokens + i] * s->x[k * s->tokens + i];
    s->whole = 0;
    for (int64_t i = 0; i < s->tokens; i++) {
        s->whole += s->norm[i];
        s->norm[i] = sqrt(s->norm[i]);
    }
    s->whole = sqrt(s->whole);
    make_gram(s);
}

double vit_head_cosine_rows(const struct vit_head_sample *a, const struct vit_head_sample *b, double *scratch)
{
    const int64_t n = a->tokens;
    double sum = 0;
    memset(scratch, 0, (size_t)n * sizeof *scratch);
    for (int64_t k = 0; k < a->width; k++)
        for (int64_t i = 0; i < n; i++)
            scratch[i] += a->x[k * n + i] * b->x[k * n + i];
    for (int64_t i = 0; i < n; i++) {
        const double norms = a->norm[i] * b->norm[i];
        sum += norms > 0 ? scratch[i] / norms : 0;
    }
    return sum / (double)n;
}

double vit_head_cosine_whole(const struct vit_head_sample *a, const struct vit_head_sample *b)
{
    const double norms = a->whole * b->whole;
    return norms > 0 ? dot(a->x, b->x, a->width * a->tokens) / norms : 0;
}

double vit_head_hsic(const struct vit_head_sample *a, const struct vit_head_sample *b)
{
    const int64_t tokens = a->tokens;
    const double n = (double)tokens;
    if (tokens < 4)
        return (double)NAN;
    return (dot(a->gram, b->gram, tokens * tokens) + a->gram_sum * b->gram_sum / ((n - 1) * (n - 2)) -
            2 / (n - 2) * dot(a->gram_row, b->gram_row, tokens)) /
           (n * (n - 3));
}
