/* SPDX-License-Identifier: MIT */
/* op.c - what all kinds share: the table of kinds, names, costs in bytes, shape errors. */
#include "model/op.h"

#include "model/base/status.h"

#include <stdarg.h>
#include <stdio.h>

#define VIT_OP(name) extern const struct vit_op_def vit_op_##name;
#include "model/ops/ops.def"
#undef VIT_OP

const struct vit_op_def *const vit_op_table[VIT_N_OPS] = {
#define VIT_OP(name) [VIT_OP_##name] = &vit_op_##name,
#include "model/ops/ops.def"
#undef VIT_OP
};

const char *vit_op_class_name(enum vit_op_class op_class)
{
    static const char *const name[VIT_N_CLASSES] = {
#define X(id, text) [VIT_CLASS_##id] = text,
        VIT_OP_CLASS_LIST(X)
#undef X
    };
    return name[op_class];
}

const char *vit_role_name(enum vit_role role)
{
    static const char *const name[VIT_N_ROLES] = {
#define X(id, text) [VIT_ROLE_##id] = text,
        VIT_ROLE_LIST(X)
#undef X
    };
    return name[role];
}

/* Views of one tensor that begin at the same element and are equally long. */
static bool same_memory(const struct vit_tensor *a, const struct vit_tensor *b)
{
    int64_t difference = 0;
    if (vit_owner(a) != vit_owner(b) || vit_numel(a) != vit_numel(b))
        return false;
    for (const struct vit_tensor *t = a; t->base; t = t->base)
        difference += t->base_offset;
    for (const struct vit_tensor *t = b; t->base; t = t->base)
        difference -= t->base_offset;
    return difference == 0;
}

/* Whether an input before input i has the same elements. */
static bool is_repeated(const struct vit_op *op, int i)
{
    bool repeated = false;
    for (int k = 0; k < i && !repeated; k++)
        repeated = same_memory(op->in[k], op->in[i]);
    return repeated;
}

struct vit_cost vit_op_cost(const struct vit_op *op)
{
    const struct vit_op_def *def = vit_op_table[op->kind];
    struct vit_cost cost = {0};
    if (def->cost)
        def->cost(op, &cost);
    for (int i = 0; i < op->n_in; i++) {
        if (is_repeated(op, i))
            continue;
        enum vit_space space = vit_owner(op->in[i])->space;
        int64_t elements = def->reads ? def->reads(op, i) : vit_numel(op->in[i]);
        int64_t bytes = elements * (int64_t)sizeof(vit_real);
        if (space == VIT_SPACE_ACTIVATION || space == VIT_SPACE_INPUT)
            cost.read_activation_bytes += bytes;
        else
            cost.read_weight_bytes += bytes;
    }
    for (int i = 0; i < op->n_out; i++)
        cost.write_bytes += (int64_t)vit_nbytes(op->out[i]);
    return cost;
}

static void count_read(const struct vit_tensor *tensor, struct vit_cost *cost)
{
    enum vit_space space = vit_owner(tensor)->space;
    bool activation = space == VIT_SPACE_ACTIVATION || space == VIT_SPACE_INPUT;
    *(activation ? &cost->read_activation_bytes : &cost->read_weight_bytes) += (int64_t)vit_nbytes(tensor);
}

struct vit_cost vit_op_backward_cost(const struct vit_op *op)
{
    const struct vit_op_def *def = vit_op_table[op->kind];
    struct vit_cost cost = {0};
    if (def->backward_cost)
        def->backward_cost(op, &cost);
    for (int i = 0; i < op->n_in; i++) {
        if (def->backward_reads & VIT_READS_IN(i))
            count_read(op->in[i], &cost);
        if (op->in[i]->grad)
            cost.write_bytes += (int64_t)vit_nbytes(op->in[i]);
    }
    for (int i = 0; i < op->n_out; i++) {
        if (def->backward_reads & VIT_READS_OUT(i))
            count_read(op->out[i], &cost);
        if (op->out[i]->grad)
            count_read(op->out[i]->grad, &cost);
    }
    return cost;
}

int vit_op_fail(const struct vit_op *op, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return vit_fail(VIT_EINVAL, "%s (%s): %s", op->name, vit_op_table[op->kind]->name, text);
}

void vit_op_shape(struct vit_op *op, int ndim, const int64_t *dim)
{
    op->out[0]->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        op->out[0]->dim[i] = dim[i];
}

int vit_op_infer_same(struct vit_op *op)
{
    vit_op_shape(op, op->in[0]->ndim, op->in[0]->dim);
    return VIT_OK;
}
