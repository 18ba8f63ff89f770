/* SPDX-License-Identifier: MIT */
#include "analysis/power_fit.h"

#include <math.h>
#include <stdbool.h>

/* Student's t below which 97.5 % lie, by degrees of freedom from 1; 1.96 is the normal distribution's. */
static double student(int degrees)
{
    static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                               2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const int n = sizeof t / sizeof t[0];
    return degrees <= n ? t[degrees - 1] : 1.96;
}

static bool is_usable(double x, double y)
{
    return x > 0 && y > 0 && isfinite(x) && isfinite(y);
}

struct sums {
    int n;
    double mean_x, mean_y, xx, xy;
};

static struct sums sum(const double *x, const double *y, int n)
{
    struct sums s = {0};
    for (int i = 0; i < n; i++)
        if (is_usable(x[i], y[i])) {
            s.n++;
            s.mean_x += (log(x[i]) - s.mean_x) / s.n;
            s.mean_y += (log(y[i]) - s.mean_y) / s.n;
        }
    for (int i = 0; i < n; i++)
        if (is_usable(x[i], y[i])) {
            s.xx += (log(x[i]) - s.mean_x) * (log(x[i]) - s.mean_x);
            s.xy += (log(x[i]) - s.mean_x) * (log(y[i]) - s.mean_y);
        }
    return s;
}

/* Slope between the two largest x. */
static double last_slope(const double *x, const double *y, int n)
{
    int last = -1, before = -1;
    for (int i = 0; i < n; i++)
        if (is_usable(x[i], y[i]) && (last < 0 || x[i] > x[last]))
            last = i;
    for (int i = 0; i < n; i++)
        if (is_usable(x[i], y[i]) && x[i] < x[last] && (before < 0 || x[i] > x[before]))
            before = i;
    return before < 0 ? (double)NAN : log(y[last] / y[before]) / log(x[last] / x[before]);
}

struct vit_power_fit vit_power_fit(const double *x, const double *y, int n)
{
    const double none = (double)NAN;
    const struct sums s = sum(x, y, n);
    struct vit_power_fit fit = {s.n, none, none, none, none, none, none};
    if (s.n < 2 || s.xx == 0)
        return fit;
    double residual = 0;
    fit.exponent = s.xy / s.xx;
    fit.factor = exp(s.mean_y - fit.exponent * s.mean_x);
    fit.last_exponent = last_slope(x, y, n);
    fit.most_off = 0;
    for (int i = 0; i < n; i++)
        if (is_usable(x[i], y[i])) {
            const double off = log(y[i]) - s.mean_y - fit.exponent * (log(x[i]) - s.mean_x);
            residual += off * off;
            fit.most_off = fmax(fit.most_off, fabs(expm1(off)));
        }
    if (s.n > 2) {
        const double half = student(s.n - 2) * sqrt(residual / (s.n - 2) / s.xx);
        fit.low = fit.exponent - half;
        fit.high = fit.exponent + half;
    }
    return fit;
}
