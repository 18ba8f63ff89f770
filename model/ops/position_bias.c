/* SPDX-License-Identifier: MIT */
/* position_bias.c - looks up the learned bias of every pair of tokens of a window attr.size = (h, w) by their distance:
 * y[head, q, k] = table entry of (dy, dx) = position of q minus position of k, N = h w tokens.
 * attr.axis 0 (Swin): table ((2h-1)(2w-1), heads), row (dy + h - 1)(2w - 1) + dx + w - 1.
 * attr.axis 1 (EfficientViT): table (heads, h w), column |dy| w + |dx|.
 * out: (heads, N, N). FLOPs: 0. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"

#include <stdlib.h>
#include <string.h>

static int infer(struct vit_op *op)
{
    const struct vit_tensor *table = op->in[0];
    int64_t h = op->attr.size[0], w = op->attr.size[1];
    int axis = op->attr.axis;
    char text[VIT_SHAPE_TEXT];
    if (h < 1 || w < 1)
        return vit_op_fail(op, "window %lld x %lld", (long long)h, (long long)w);
    if (axis != 0 && axis != 1)
        return vit_op_fail(op, "axis %d, expected 0 (signed distances) or 1 (absolute distances)", axis);
    int64_t distances = axis == 0 ? (2 * h - 1) * (2 * w - 1) : h * w;
    if (table->ndim != 2 || table->dim[axis] != distances)
        return vit_op_fail(op, "table %s, expected %lld distances along axis %d for a window %lld x %lld",
                           vit_shape_text(table, text), (long long)distances, axis, (long long)h, (long long)w);
    vit_op_shape(op, 3, (int64_t[]){table->dim[1 - axis], h * w, h * w});
    return VIT_OK;
}

struct job {
    const struct vit_op *op;
    struct vit_access *access; /* not NULL: names what would be touched */
};

/* Element of the table that head and pair of tokens look up. */
static int64_t entry(const struct vit_op *op, int64_t head, int64_t query, int64_t key)
{
    const int64_t h = op->attr.size[0], w = op->attr.size[1], columns = op->in[0]->dim[1];
    const int64_t dy = query / w - key / w, dx = query % w - key % w;
    if (op->attr.axis == 0)
        return ((dy + h - 1) * (2 * w - 1) + dx + w - 1) * columns + head;
    return head * columns + llabs(dy) * w + llabs(dx);
}

static void bias_of_query(const struct job *job, int64_t head, int64_t query, vit_real *y /* (N) */)
{
    const struct vit_op *op = job->op;
    const int64_t tokens = op->out[0]->dim[1];
    for (int64_t key = 0; key < tokens; key++, y++) {
        const vit_real *x = op->in[0]->data + entry(op, head, query, key);
        if (job->access)
            vit_access_zip(job->access, &(struct vit_zip){.y = y, .a = x, .bytes = sizeof *y});
        else
            *y = *x;
    }
}

static void bias_of_head(void *context, int64_t head, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct vit_tensor *y = job->op->out[0];
    int64_t tokens = y->dim[1];
    for (int64_t query = 0; query < tokens; query++)
        bias_of_query(job, head, query, y->data + (head * tokens + query) * tokens);
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    struct job job = {.op = step->op, .access = access};
    vit_parallel_for(access ? NULL : step->pool, step->op->out[0]->dim[0], bias_of_head, &job);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* Heads are columns or rows of their own: no two pieces write the same entry. */
static void gather_head(void *context, int64_t head, int worker)
{
    (void)worker;
    const struct vit_op *op = context;
    const int64_t tokens = op->out[0]->dim[1];
    const vit_real *dy = op->out[0]->grad->data + head * tokens * tokens;
    for (int64_t query = 0; query < tokens; query++)
        for (int64_t key = 0; key < tokens; key++)
            op->in[0]->grad->data[entry(op, head, query, key)] += *dy++;
}

/* dtable of each distance is the sum over the pairs of tokens that have it, in their order. */
static void backward(const struct vit_step *step)
{
    const struct vit_tensor *table = step->op->in[0]->grad;
    if (!vit_step_adds(step, 0))
        memset(table->data, 0, vit_nbytes(table));
    vit_parallel_for(step->pool, step->op->out[0]->dim[0], gather_head, (void *)(uintptr_t)step->op);
}

static const struct vit_kernel kernels[] = {{.name = "lookup", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward}, {0}};

const struct vit_op_def vit_op_position_bias = {.name = "position_bias",
                                                .op_class = VIT_CLASS_MOVEMENT,
                                                .min_in = 1,
                                                .max_in = 1,
                                                .infer = infer,
                                                .cpu = kernels,
                                                .backward = way_back};
