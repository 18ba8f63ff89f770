/* SPDX-License-Identifier: MIT */
/* stats.h - order statistics of repeated measurements. Times on shared machines have a long tail: medians and quartiles
 * tell more than means. */
#pragma once

struct vit_summary {
    int n;
    double median, low, high; /* low, high: first and third quartile */
    double least, most;
    double mean;
};

/* Sorts values in place; n >= 1. Quantiles interpolate between neighbours. */
struct vit_summary vit_stats_summary(double *values, int n);

/* Median of values, sorting them in place; n >= 1. */
double vit_stats_median(double *values, int n);
