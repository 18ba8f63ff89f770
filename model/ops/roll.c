/* SPDX-License-Identifier: MIT */
/* roll.c - y[b, (i + attr.size[0]) mod H, (j + attr.size[1]) mod W, c] = x[b, i, j, c]: items that leave a map at one
 * side enter at the other, as torch.roll. Shifts may be negative. in: x (B, H, W, C). out: the same shape. FLOPs: 0. */
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

static int infer(struct vit_op *op)
{
    char text[VIT_SHAPE_TEXT];
    if (op->in[0]->ndim != 4)
        return vit_op_fail(op, "input %s, expected (batch, height, width, channels)", vit_shape_text(op->in[0], text));
    return vit_op_infer_same(op);
}

static int64_t wrap(int64_t shift, int64_t length)
{
    int64_t rest = shift % length;
    return rest < 0 ? rest + length : rest;
}

/* Four boxes: the parts of x before and behind the wrap, in each of the two axes. sign -1: the other way round. */
static void roll(const struct vit_step *step, struct vit_access *access, struct vit_box_copy copy, int sign)
{
    const struct vit_op *op = step->op;
    for (int a = 0; a < 4; a++)
        copy.dim[a] = copy.x->dim[a];
    for (int quarter = 0; quarter < 4; quarter++) {
        for (int k = 0; k < 2; k++) {
            int64_t length = copy.x->dim[k + 1], shift = wrap(sign * op->attr.size[k], length);
            bool wrapped = quarter >> k & 1;
            copy.dim[k + 1] = wrapped ? shift : length - shift;
            copy.x_start[k + 1] = wrapped ? length - shift : 0;
            copy.y_start[k + 1] = wrapped ? 0 : shift;
        }
        vit_box_copy(step->pool, access, &copy);
    }
}

static void forward(const struct vit_step *step)
{
    roll(step, NULL, (struct vit_box_copy){.y = step->op->out[0], .x = step->op->in[0]}, 1);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    roll(step, access, (struct vit_box_copy){.y = step->op->out[0], .x = step->op->in[0]}, 1);
}

/* dx = dy rolled back. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    roll(step, access,
         (struct vit_box_copy){.y = step->op->in[0]->grad, .x = step->op->out[0]->grad, .adds = vit_step_adds(step, 0)},
         -1);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_roll = {.name = "roll",
                                       .op_class = VIT_CLASS_MOVEMENT,
                                       .min_in = 1,
                                       .max_in = 1,
                                       .infer = infer,
                                       .cpu = kernels,
                                       .backward = way_back};
