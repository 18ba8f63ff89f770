/* SPDX-License-Identifier: MIT */
/* logit_row.h - what one image's logits say. */
#pragma once

#include "model/base/real.h"

#include <stdint.h>

/* Cross entropy (natural log) with one class. */
double vit_logit_loss(const vit_real *row, int64_t classes, int64_t label);

/* The class of the largest; of equal ones the first. */
int64_t vit_logit_best(const vit_real *row, int64_t classes);
