/* SPDX-License-Identifier: MIT */
/* permute.c - y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]: output axis a is input axis attr.perm[a].
 * in: x of any shape. out: the permuted shape. FLOPs: 0. */
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    const int *perm = op->attr.perm;
    unsigned seen = 0;
    int64_t dim[VIT_MAX_DIMS];
    for (int a = 0; a < x->ndim; a++) {
        if (perm[a] < 0 || perm[a] >= x->ndim || (seen & 1u << perm[a])) {
            char text[VIT_SHAPE_TEXT];
            return vit_op_fail(op, "perm[%d] = %d: the axes of input %s must each be named once", a, perm[a],
                               vit_shape_text(x, text));
        }
        seen |= 1u << perm[a];
        dim[a] = x->dim[perm[a]];
    }
    vit_op_shape(op, x->ndim, dim);
    return VIT_OK;
}

/* Copies, or names what that touches. */
static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    struct vit_strided_copy copy = {.y = y->data, .x = x->data, .ndim = y->ndim};
    int64_t x_stride[VIT_MAX_DIMS];
    vit_dense_strides(x, x_stride);
    vit_dense_strides(y, copy.y_stride);
    for (int a = 0; a < y->ndim; a++) {
        copy.dim[a] = y->dim[a];
        copy.x_stride[a] = x_stride[step->op->attr.perm[a]];
    }
    vit_strided_copy(step->pool, access, &copy);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* dx[i_0, i_1, ...] = dy[i_perm[0], i_perm[1], ...]. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *dx = step->op->in[0]->grad, *dy = step->op->out[0]->grad;
    struct vit_strided_copy copy = {.y = dx->data, .x = dy->data, .ndim = dx->ndim, .adds = vit_step_adds(step, 0)};
    int64_t stride[VIT_MAX_DIMS];
    vit_dense_strides(dx, copy.y_stride);
    vit_dense_strides(dy, stride);
    for (int a = 0; a < dx->ndim; a++) {
        copy.dim[step->op->attr.perm[a]] = dy->dim[a];
        copy.x_stride[step->op->attr.perm[a]] = stride[a];
    }
    vit_strided_copy(step->pool, access, &copy);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_permute = {.name = "permute",
                                          .op_class = VIT_CLASS_MOVEMENT,
                                          .min_in = 1,
                                          .max_in = 1,
                                          .infer = infer,
                                          .cpu = kernels,
                                          .backward = way_back};
