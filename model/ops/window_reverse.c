/* SPDX-License-Identifier: MIT */
/* window_reverse.c - puts windows of attr.size = (h, w) back into maps of attr.map = (H, W):
 * y[b, u h + i, v w + j, c] = x[(b, u, v), (i, j), c], the inverse of window_partition.
 * in: x (B H/h W/w, h w, C), H a multiple of h, W of w. out: (B, H, W, C). FLOPs: 0. */
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    int64_t h = op->attr.size[0], w = op->attr.size[1], height = op->attr.map[0], width = op->attr.map[1];
    char text[VIT_SHAPE_TEXT];
    if (h < 1 || w < 1 || height < 1 || width < 1 || height % h != 0 || width % w != 0)
        return vit_op_fail(op, "map %lld x %lld is no multiple of the window %lld x %lld", (long long)height,
                           (long long)width, (long long)h, (long long)w);
    int64_t windows = (height / h) * (width / w);
    if (x->ndim != 3 || x->dim[1] != h * w || x->dim[0] % windows != 0)
        return vit_op_fail(op, "input %s, expected (a multiple of %lld windows, %lld tokens, channels)",
                           vit_shape_text(x, text), (long long)windows, (long long)(h * w));
    vit_op_shape(op, 4, (int64_t[]){x->dim[0] / windows, height, width, x->dim[2]});
    return VIT_OK;
}

/* Copies, or names what that touches. */
static void walk(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    int64_t h = step->op->attr.size[0], w = step->op->attr.size[1];
    int64_t height = y->dim[1], width = y->dim[2], c = y->dim[3], across = width / w;
    /* The axes image and window row are one: both strides agree. */
    vit_strided_copy(step->pool, access,
                     &(struct vit_strided_copy){
                         .y = y->data,
                         .x = x->data,
                         .ndim = 4,
                         .dim = {y->dim[0] * (height / h), h, across, w * c},
                         .y_stride = {h * width * c, width * c, w * c, 1},
                         .x_stride = {across * h * w * c, w * c, h * w * c, 1},
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

/* dx: maps back into windows, as window_partition. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_tensor *dx = step->op->in[0]->grad, *dy = step->op->out[0]->grad;
    int64_t h = step->op->attr.size[0], w = step->op->attr.size[1];
    int64_t height = dy->dim[1], width = dy->dim[2], c = dy->dim[3], across = width / w;
    vit_strided_copy(step->pool, access,
                     &(struct vit_strided_copy){
                         .y = dx->data,
                         .x = dy->data,
                         .ndim = 4,
                         .dim = {dy->dim[0] * (height / h), across, h, w * c},
                         .y_stride = {across * h * w * c, h * w * c, w * c, 1},
                         .x_stride = {h * width * c, w * c, width * c, 1},
                         .adds = vit_step_adds(step, 0),
                     });
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "strided_copy", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_window_reverse = {.name = "window_reverse",
                                                 .op_class = VIT_CLASS_MOVEMENT,
                                                 .min_in = 1,
                                                 .max_in = 1,
                                                 .infer = infer,
                                                 .cpu = kernels,
                                                 .backward = way_back};
