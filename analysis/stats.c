/* SPDX-License-Identifier: MIT */
#include "analysis/stats.h"

#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1);
    int below = (int)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

struct vit_summary vit_stats_summary(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += values[i];
    return (struct vit_summary){.n = n,
                                .median = quantile(values, n, 0.5),
                                .low = quantile(values, n, 0.25),
                                .high = quantile(values, n, 0.75),
                                .least = values[0],
                                .most = values[n - 1],
                                .mean = sum / n};
}

double vit_stats_median(double *values, int n)
{
    return vit_stats_summary(values, n).median;
}
