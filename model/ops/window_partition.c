/* SPDX-License-Identifier: MIT */
/* window_partition.c - cuts maps into windows of attr.size = (h, w): y[(b, u, v), (i, j), c] = x[b, u h + i, v w + j,
 * c]. in: x (B, H, W, C), H a multiple of h, W of w. out: (B H/h W/w, h w, C): windows by image, window row, window
 * column; tokens of a window row by row. FLOPs: 0. */
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    int64_t h = op->attr.size[0], w = op->attr.size[1];
    char text[VIT_SHAPE_TEXT];
    if (x->ndim != 4)
        return vit_op_fail(op, "input %s, expected (batch, height, width, channels)", vit_shape_text(x, text));
    if (h < 1 || w < 1 || x->dim[1] % h != 0 || x->dim[2] % w != 0)
        return vit_op_fail(op, "height and width of input %s are no multiples of the window %lld x %lld",
                           vit_shape_text(x, text), (long long)h, (long long)w);
    vit_op_shape(op, 3, (int64_t[]){x->dim[0] * (x->dim[1] / h) * (x->dim[2] / w), h * w, x->dim[3]});
    return VIT_OK;
}

/* Copies, or names what that touches. */
static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    int64_t h = step->op->attr.size[0], w = step->op->attr.size[1];
    int64_t height = x->dim[1], width = x->dim[2], c = x->dim[3], across = width / w;
    /* The axes image and window row are one: both strides agree. */
    vit_strided_copy(step->pool, access,
                     &(struct vit_strided_copy){
                         .y = y->data,
                         .x = x->data,
                         .ndim = 4,
                         .dim = {x->dim[0] * (height / h), across, h, w * c},
                         .y_stride = {across * h * w * c, h * w * c, w * c, 1},
                         .x_stride = {h * width * c, w * c, width * c, 1},
                     });
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* dx: windows back into maps, as window_reverse. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *dx = step->op->in[0]->grad, *dy = step->op->out[0]->grad;
    int64_t h = step->op->attr.size[0], w = step->op->attr.size[1];
    int64_t height = dx->dim[1], width = dx->dim[2], c = dx->dim[3], across = width / w;
    vit_strided_copy(step->pool, access,
                     &(struct vit_strided_copy){
                         .y = dx->data,
                         .x = dy->data,
                         .ndim = 4,
                         .dim = {dx->dim[0] * (height / h), h, across, w * c},
                         .y_stride = {h * width * c, width * c, w * c, 1},
                         .x_stride = {across * h * w * c, w * c, h * w * c, 1},
                         .adds = vit_step_adds(step, 0),
                     });
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_window_partition = {.name = "window_partition",
                                                   .op_class = VIT_CLASS_MOVEMENT,
                                                   .min_in = 1,
                                                   .max_in = 1,
                                                   .infer = infer,
                                                   .cpu = kernels,
                                                   .backward = way_back};
