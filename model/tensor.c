/* SPDX-License-Identifier: MIT */
#include "model/tensor.h"

#include <stdio.h>

bool vit_same_shape(const struct vit_tensor *a, const struct vit_tensor *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *vit_shape_text(const struct vit_tensor *t, char text[VIT_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, VIT_SHAPE_TEXT, "(");
    for (int i = 0; i < t->ndim; i++)
        used += (size_t)snprintf(text + used, VIT_SHAPE_TEXT - used, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    snprintf(text + used, VIT_SHAPE_TEXT - used, t->ndim == 1 ? ",)" : ")");
    return text;
}
