/* SPDX-License-Identifier: MIT */
/* op_reference.h - every operator once more, straight from its formula, one output element at a time, in double.
 * Shares nothing with model/ops but the description of the operator. */
#pragma once

#include "model/op.h"

struct vit_op_reference {
    const struct vit_op *op; /* its inputs hold values */
    int64_t macs;            /* multiply-adds that were made, those with padding included */
    struct {
        int64_t next; /* one more than the row's number; 0: none yet */
        double largest, sum;
    } softmax; /* of the row that was asked for last: elements come row by row */
};

/* Element `index` of output `output`. *slack is how far a right implementation may be away, in units of the machine
 * epsilon of vit_real: 0 where nothing is computed, else from the sizes of the terms (see op_reference.c). */
double vit_op_reference(struct vit_op_reference *reference, int output, const int64_t index[VIT_MAX_DIMS],
                        double *slack);
