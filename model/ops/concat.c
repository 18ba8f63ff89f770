/* SPDX-License-Identifier: MIT */
/* concat.c - y = inputs one after the other along an axis.
 * in: 2 to 8 tensors with equal dims but for attr.axis; where axis > 0, an input whose dim[0] is 1 is repeated over the
 * dim[0] of the others (a class token before the tokens of every image). out: the first input's shape with the lengths
 * added up. FLOPs: 0. */
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

static int check_input(const struct vit_op *op, int i, const int64_t *dim)
{
    const struct vit_tensor *x = op->in[i];
    bool fits = x->ndim == op->in[0]->ndim;
    for (int a = 0; fits && a < x->ndim; a++)
        fits = a == op->attr.axis || x->dim[a] == dim[a] || (a == 0 && x->dim[0] == 1);
    char text[VIT_SHAPE_TEXT], first[VIT_SHAPE_TEXT];
    if (!fits)
        return vit_op_fail(op, "input %d %s does not continue %s along axis %d", i, vit_shape_text(x, text),
                           vit_shape_text(op->in[0], first), op->attr.axis);
    return VIT_OK;
}

static int infer(struct vit_op *op)
{
    const struct vit_tensor *first = op->in[0];
    int axis = op->attr.axis, status = VIT_OK;
    char text[VIT_SHAPE_TEXT];
    if (axis < 0 || axis >= first->ndim)
        return vit_op_fail(op, "axis %d of input %s", axis, vit_shape_text(first, text));
    int64_t dim[VIT_MAX_DIMS] = {0};
    for (int a = 0; a < first->ndim; a++)
        dim[a] = first->dim[a];
    for (int i = 1; axis > 0 && i < op->n_in; i++)
        if (op->in[i]->ndim > 0 && op->in[i]->dim[0] > dim[0])
            dim[0] = op->in[i]->dim[0];
    dim[axis] = 0;
    for (int i = 0; i < op->n_in && status == VIT_OK; i++) {
        status = check_input(op, i, dim);
        dim[axis] += op->in[i]->dim[axis];
    }
    vit_op_shape(op, first->ndim, dim);
    return status;
}

/* Copies, or names what that touches. */
static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    int axis = op->attr.axis;
    struct vit_box_copy copy = {.y = op->out[0]};
    for (int i = 0; i < op->n_in; i++) {
        copy.x = op->in[i];
        for (int a = 0; a < copy.y->ndim; a++)
            copy.dim[a] = a == axis ? copy.x->dim[a] : copy.y->dim[a];
        vit_box_copy(step->pool, access, &copy);
        copy.y_start[axis] += copy.x->dim[axis];
    }
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* dx of each input is its part of dy; of an input that was repeated, the sum over the repeats in their order. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    const int axis = op->attr.axis;
    int64_t at = 0;
    for (int i = 0; i < op->n_in; at += op->in[i++]->dim[axis]) {
        if (!op->in[i]->grad)
            continue;
        struct vit_box_copy copy = {.y = op->in[i]->grad, .x = op->out[0]->grad, .adds = vit_step_adds(step, i)};
        const int64_t repeats = axis > 0 ? copy.x->dim[0] / copy.y->dim[0] : 1;
        for (int a = 0; a < copy.y->ndim; a++)
            copy.dim[a] = copy.y->dim[a];
        copy.x_start[axis] = at;
        for (int64_t k = 0; k < repeats; k++) {
            copy.x_start[0] = axis > 0 ? k : at;
            vit_box_copy(step->pool, access, &copy);
            copy.adds = true;
        }
    }
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_concat = {.name = "concat",
                                         .op_class = VIT_CLASS_MOVEMENT,
                                         .min_in = 2,
                                         .max_in = 8,
                                         .infer = infer,
                                         .cpu = kernels,
                                         .backward = way_back};
