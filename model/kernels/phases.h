/* SPDX-License-Identifier: MIT */
/* phases.h - what spread_phases takes. */
#pragma once

#include "model/base/real.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows of y whose elements e come from `stride` shorter rows in turn: element e / stride of row e % stride. */
struct vit_phases {
    vit_real *y;
    const vit_real *x;
    int64_t y_step, x_step; /* elements between channels */
    int64_t x_phase;        /* elements between the rows that take turns */
    int64_t channels, n;    /* n: elements of y in each channel */
    int64_t stride;
    bool adds; /* to what is in y */
};
