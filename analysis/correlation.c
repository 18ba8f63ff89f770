/* SPDX-License-Identifier: MIT */
#include "analysis/correlation.h"

#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>

double vit_correlation_pearson(const double *x, const double *y, int n)
{
    double mean_x = n > 0 ? x[0] : 0, mean_y = n > 0 ? y[0] : 0, xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < n; i++) { /* from the first: the mean of equal values is theirs exactly */
        mean_x += (x[i] - x[0]) / n;
        mean_y += (y[i] - y[0]) / n;
    }
    for (int i = 0; i < n; i++) {
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    return n > 1 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

struct item {
    double value;
    int index;
};

static int by_value(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->value == b->value)
        return (a->index > b->index) - (a->index < b->index);
    return a->value < b->value ? -1 : 1;
}

static void make_ranks(struct item *item, const double *value, int n, double *rank)
{
    for (int i = 0; i < n; i++)
        item[i] = (struct item){value[i], i};
    qsort(item, (size_t)n, sizeof *item, by_value);
    for (int first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && item[last].value == item[first].value;)
            last++;
        for (int i = first; i < last; i++)
            rank[item[i].index] = (first + last - 1) / 2.0;
    }
}

int vit_correlation_spearman(const double *x, const double *y, int n, double *result)
{
    struct item *item = calloc((size_t)n + 1, sizeof *item);
    double *rank = calloc(2 * (size_t)n + 1, sizeof *rank);
    int status = item && rank ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: ranks of %d values", n);
    if (status == VIT_OK) {
        make_ranks(item, x, n, rank);
        make_ranks(item, y, n, rank + n);
        *result = vit_correlation_pearson(rank, rank + n, n);
    }
    free(item);
    free(rank);
    return status;
}
