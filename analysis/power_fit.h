/* SPDX-License-Identifier: MIT */
/* power_fit.h - how a figure grows with another: y = factor * x^exponent, a straight line through the logarithms. */
#pragma once

struct vit_power_fit {
    int n;
    double exponent, factor;
    double low, high;     /* 95 % confidence interval of the exponent, Student's t with n - 2 degrees; NaN for n < 3 */
    double last_exponent; /* between the two largest x alone */
    double most_off;      /* largest |y / fitted y - 1| */
};

/* Ordinary least squares of log y on log x. Points with an x or y that is not above 0 (or NaN) are left out; NaN where
 * fewer than two different x are left. The interval takes the points for scattered around one law: where the law itself
 * bends (a sum of terms of different exponents), it says how far one exponent describes them, and last_exponent tells
 * where it goes. */
struct vit_power_fit vit_power_fit(const double *x, const double *y, int n);
