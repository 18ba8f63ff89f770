/* SPDX-License-Identifier: MIT */
/* channel.h - what the kernels of batch norms in training take. */
#pragma once

#include "model/base/real.h"

#include <stdint.h>

/* One channel of a batch: `images` runs of n values, `step` elements apart. */
struct vit_channel {
    const vit_real *x, *dy;
    vit_real *y; /* results: y, or dx */
    int64_t images, n, step;
};
