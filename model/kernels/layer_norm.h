/* SPDX-License-Identifier: MIT */
/* layer_norm.h - the constants of layer_norm_rows. */
#pragma once

#include "model/base/real.h"

struct vit_layer_norm {
    const vit_real *weight, *bias; /* (n) */
    double eps;
};
