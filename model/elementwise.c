/* SPDX-License-Identifier: MIT */
#include "model/elementwise.h"

#include "model/access.h"
#include "model/base/parallel.h"

struct unary {
    void (*kernel)(vit_real *y, const vit_real *x, int64_t n); /* NULL: names what it would touch */
    struct vit_access *access;
    vit_real *y;
    const vit_real *x;
    int64_t n;
};

static void unary_piece(void *context, int64_t piece, int worker)
{
    const struct unary *job = context;
    (void)worker;
    int64_t begin = piece * VIT_PIECE_ELEMENTS, n = job->n - begin;
    if (n > VIT_PIECE_ELEMENTS)
        n = VIT_PIECE_ELEMENTS;
    if (job->kernel)
        job->kernel(job->y + begin, job->x + begin, n);
    else
        vit_access_zip(job->access, &(struct vit_zip){
                                        .y = job->y + begin, .a = job->x + begin, .bytes = (size_t)n * sizeof *job->y});
}

static void unary(struct vit_parallel *pool, const struct vit_op *op, struct unary job)
{
    const struct vit_tensor *x = op->in[0];
    job.y = op->out[0]->data;
    job.x = x->data;
    job.n = vit_numel(x);
    vit_parallel_for(pool, vit_piece_count(job.n, VIT_PIECE_ELEMENTS), unary_piece, &job);
}

void vit_unary_forward(const struct vit_step *step, void (*kernel)(vit_real *y, const vit_real *x, int64_t n))
{
    unary(step->pool, step->op, (struct unary){.kernel = kernel});
}

void vit_unary_stream(const struct vit_step *step, struct vit_access *access)
{
    unary(NULL, step->op, (struct unary){.access = access});
}

int vit_broadcast_infer(struct vit_op *op)
{
    const struct vit_tensor *a = op->in[0], *b = op->in[1];
    int skip = a->ndim - b->ndim;
    bool legal = skip >= 0;
    for (int i = 0; legal && i < b->ndim; i++)
        legal = b->dim[i] == 1 || b->dim[i] == a->dim[skip + i];
    if (!legal) {
        char text_a[VIT_SHAPE_TEXT], text_b[VIT_SHAPE_TEXT];
        return vit_op_fail(
            op, "second input %s cannot be broadcast to the first, %s: its dims, aligned right, must be equal or 1",
            vit_shape_text(b, text_b), vit_shape_text(a, text_a));
    }
    return vit_op_infer_same(op);
}

struct vit_axis_groups vit_axis_groups_of(const struct vit_tensor *a, const struct vit_tensor *b)
{
    struct vit_axis_groups groups = {0};
    int skip = a->ndim - b->ndim;
    int64_t stride = 1;
    for (int i = a->ndim - 1; i >= 0; i--) {
        if (a->dim[i] == 1)
            continue;
        bool advances = i >= skip && b->dim[i - skip] != 1;
        int last = groups.n - 1;
        if (last >= 0 && advances == (groups.stride[last] != 0)) {
            groups.dim[last] *= a->dim[i];
        } else {
            groups.dim[groups.n] = a->dim[i];
            groups.stride[groups.n++] = advances ? stride : 0;
        }
        if (advances)
            stride *= a->dim[i];
    }
    if (groups.n == 0)
        groups.dim[groups.n++] = 1;
    return groups;
}

struct broadcast {
    struct vit_broadcast_kernel kernel;
    struct vit_access *access; /* not NULL: names what the kernel would touch */
    bool adds;
    struct vit_axis_groups groups; /* at least 2: the first is a row, rows of the second go to the kernel in one call */
    vit_real *y;
    const vit_real *a, *b;
    int64_t rows;           /* in all */
    int64_t rows_per_piece; /* 1 if rows are cut into chunks */
    int64_t chunks;         /* pieces of one row */
};

/* Where row `row` of a begins in b. */
static int64_t row_offset(const struct vit_axis_groups *g, int64_t row)
{
    int64_t offset = 0;
    for (int i = 1; i < g->n; i++) {
        offset += row % g->dim[i] * g->stride[i];
        row /= g->dim[i];
    }
    return offset;
}

/* What one call of a kernel touches. */
static void stream_rows(const struct broadcast *job, struct vit_zip zip, int64_t rows, bool scalars)
{
    const vit_real *b = zip.b;
    if (scalars)
        zip.b = NULL;
    for (int64_t row = 0; row < rows; row++) {
        if (scalars)
            vit_access_read(job->access, b + row * job->groups.stride[1], sizeof *b);
        else
            zip.b = b + row * job->groups.stride[1];
        zip.c = job->adds ? zip.y : NULL;
        vit_access_zip(job->access, &zip);
        zip.y = (const char *)zip.y + zip.bytes;
        zip.a = (const char *)zip.a + zip.bytes;
    }
}

static void broadcast_piece(void *context, int64_t piece, int worker)
{
    const struct broadcast *job = context;
    const struct vit_axis_groups *g = &job->groups;
    (void)worker;
    int64_t begin = piece % job->chunks * VIT_PIECE_ELEMENTS, n = g->dim[0] - begin;
    if (job->chunks > 1 && n > VIT_PIECE_ELEMENTS)
        n = VIT_PIECE_ELEMENTS;
    int64_t row = piece / job->chunks * job->rows_per_piece, end = row + job->rows_per_piece;
    if (end > job->rows)
        end = job->rows;
    while (row < end) {
        int64_t rest = g->dim[1] - row % g->dim[1], count = rest < end - row ? rest : end - row;
        int64_t at = row * g->dim[0] + begin, b_at = row_offset(g, row) + begin * g->stride[0];
        bool scalars = !g->stride[0];
        vit_real *y = job->y + at;
        const vit_real *a = job->a + at, *b = job->b + b_at;
        if (job->access)
            stream_rows(job, (struct vit_zip){.y = y, .a = a, .b = b, .bytes = (size_t)n * sizeof *y}, count, scalars);
        else
            (scalars ? job->kernel.scalars : job->kernel.rows)(y, a, b, count, n, g->stride[1]);
        row += count;
    }
}

void vit_broadcast_run(struct vit_parallel *pool, struct vit_access *access, const struct vit_broadcast *broadcast)
{
    struct broadcast job = {.kernel = broadcast->kernel,
                            .access = access,
                            .adds = broadcast->adds,
                            .groups = vit_axis_groups_of(broadcast->a, broadcast->b),
                            .y = broadcast->y->data,
                            .a = broadcast->a->data,
                            .b = broadcast->b->data,
                            .rows = 1};
    struct vit_axis_groups *g = &job.groups;
    while (g->n < 2)
        g->dim[g->n++] = 1;
    for (int i = 1; i < g->n; i++)
        job.rows *= g->dim[i];
    job.rows_per_piece = vit_piece_rows(g->dim[0]);
    job.chunks = vit_piece_count(g->dim[0], VIT_PIECE_ELEMENTS);
    vit_parallel_for(access ? NULL : pool, vit_piece_count(job.rows, job.rows_per_piece) * job.chunks, broadcast_piece,
                     &job);
}

void vit_broadcast_forward(const struct vit_step *step, struct vit_broadcast_kernel kernel)
{
    const struct vit_op *op = step->op;
    vit_broadcast_run(step->pool, NULL,
                      &(struct vit_broadcast){.y = op->out[0], .a = op->in[0], .b = op->in[1], .kernel = kernel});
}

void vit_broadcast_stream(const struct vit_step *step, struct vit_access *access)
{
    const struct vit_op *op = step->op;
    vit_broadcast_run(NULL, access, &(struct vit_broadcast){.y = op->out[0], .a = op->in[0], .b = op->in[1]});
}
