/* SPDX-License-Identifier: MIT */
/* pad.c - appends attr.size[0] zeros at the end of attr.axis and attr.size[1] at the end of the axis behind it.
 * in: x of at least axis + 2 dims. out: x's shape with the two dims grown. FLOPs: 0. */
#include "model/access.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/op.h"
#include "model/plan.h"
#include "model/strided_copy.h"

#include <string.h>

static int infer(struct vit_op *op)
{
    const struct vit_tensor *x = op->in[0];
    int axis = op->attr.axis;
    const int64_t *size = op->attr.size;
    char text[VIT_SHAPE_TEXT];
    if (axis < 0 || axis + 1 >= x->ndim)
        return vit_op_fail(op, "axes %d and %d of input %s", axis, axis + 1, vit_shape_text(x, text));
    if (size[0] < 0 || size[1] < 0)
        return vit_op_fail(op, "cannot pad input %s by %lld and %lld: amounts must not be negative",
                           vit_shape_text(x, text), (long long)size[0], (long long)size[1]);
    vit_op_shape(op, x->ndim, x->dim);
    op->out[0]->dim[axis] += size[0];
    op->out[0]->dim[axis + 1] += size[1];
    return VIT_OK;
}

/* Axes before attr.axis and those behind the second padded axis each count as one: x (outer, H, W, inner). */
struct padding {
    struct vit_access *access; /* not NULL: names what would be touched */
    vit_real *y;               /* (outer, y_height, y_row) */
    const vit_real *x;         /* (outer, x_height, x_row) */
    int64_t y_height, x_height, y_row, x_row, rows, rows_per_piece;
};

static void pad_rows(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct padding *p = context;
    int64_t end = (piece + 1) * p->rows_per_piece;
    for (int64_t row = piece * p->rows_per_piece; row < end && row < p->rows; row++) {
        int64_t outer = row / p->y_height, i = row % p->y_height;
        int64_t kept = i < p->x_height ? p->x_row : 0;
        size_t copied = (size_t)kept * sizeof(vit_real), cleared = (size_t)(p->y_row - kept) * sizeof(vit_real);
        vit_real *y = p->y + row * p->y_row;
        const vit_real *x = kept ? p->x + (outer * p->x_height + i) * p->x_row : NULL;
        if (p->access) {
            vit_access_zip(p->access, &(struct vit_zip){.y = y, .a = x, .bytes = copied});
            vit_access_write(p->access, y + kept, cleared);
            continue;
        }
        if (kept)
            memcpy(y, x, copied);
        memset(y + kept, 0, cleared);
    }
}

static void walk(const struct vit_step *step, struct vit_access *access)
{
    enum { PIECE_ELEMENTS = 32768 };
    const struct vit_tensor *x = step->op->in[0], *y = step->op->out[0];
    int axis = step->op->attr.axis;
    struct padding p = {
        .access = access, .y = y->data, .x = x->data, .y_height = y->dim[axis], .x_height = x->dim[axis]};
    int64_t inner = 1;
    for (int a = axis + 2; a < x->ndim; a++)
        inner *= x->dim[a];
    p.y_row = y->dim[axis + 1] * inner;
    p.x_row = x->dim[axis + 1] * inner;
    p.rows = vit_numel(y) / p.y_row;
    p.rows_per_piece = (PIECE_ELEMENTS + p.y_row - 1) / p.y_row;
    vit_parallel_for(access ? NULL : step->pool, (p.rows + p.rows_per_piece - 1) / p.rows_per_piece, pad_rows, &p);
}

static void forward(const struct vit_step *step)
{
    walk(step, NULL);
}

static void stream(const struct vit_step *step, struct vit_access *access)
{
    walk(step, access);
}

/* dx = dy without the zeros. */
static void walk_back(const struct vit_step *step, struct vit_access *access)
{
    struct vit_box_copy copy = {
        .y = step->op->in[0]->grad, .x = step->op->out[0]->grad, .adds = vit_step_adds(step, 0)};
    for (int a = 0; a < copy.y->ndim; a++)
        copy.dim[a] = copy.y->dim[a];
    vit_box_copy(step->pool, access, &copy);
}

static void backward(const struct vit_step *step)
{
    walk_back(step, NULL);
}

static const struct vit_kernel kernels[] = {{.name = "rows", .forward = forward, .stream = stream}, {0}};

static const struct vit_kernel way_back[] = {{.name = "strided_copy", .forward = backward, .stream = walk_back}, {0}};

const struct vit_op_def vit_op_pad = {.name = "pad",
                                      .op_class = VIT_CLASS_MOVEMENT,
                                      .min_in = 1,
                                      .max_in = 1,
                                      .infer = infer,
                                      .cpu = kernels,
                                      .backward = way_back};
