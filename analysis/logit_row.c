/* SPDX-License-Identifier: MIT */
#include "analysis/logit_row.h"

#include <math.h>

double vit_logit_loss(const vit_real *row, int64_t classes, int64_t label)
{
    double largest = (double)row[vit_logit_best(row, classes)], sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += exp((double)row[k] - largest);
    // cppcheck-suppress invalidFunctionArg ; the largest adds 1 to the sum
    return largest + log(sum) - (double)row[label];
}

int64_t vit_logit_best(const vit_real *row, int64_t classes)
{
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
        best = row[k] > row[best] ? k : best;
    return best;
}
