/* SPDX-License-Identifier: MIT */
/* correlation.h - whether two figures of the same things go together. */
#pragma once

/* Pearson's r; NaN for n < 2, or where one does not vary. */
double vit_correlation_pearson(const double *x, const double *y, int n);

/* Spearman's rank correlation: Pearson's r of ranks, equal values share the mean of theirs. VIT_ENOMEM. */
int vit_correlation_spearman(const double *x, const double *y, int n, double *result);
