/* SPDX-License-Identifier: MIT */
#include "model/strided_copy.h"

#include "model/access.h"
#include "model/base/parallel.h"
#include "model/kernel_set.h"
#include "model/kernels/transpose_stream.h"

/* Elements in one call of a kernel and in one piece of work: some 10 us of copying, and a part of the L2 cache. */
enum { UNIT_ELEMENTS = 16384, PIECE_ELEMENTS = 2 * UNIT_ELEMENTS, LINE_ELEMENTS = 64 / (int)sizeof(vit_real) };

/* As vit_strided_copy, with room for one axis more. */
struct box {
    vit_real *y;
    const vit_real *x;
    int ndim;
    int64_t dim[VIT_MAX_DIMS + 1], y_stride[VIT_MAX_DIMS + 1], x_stride[VIT_MAX_DIMS + 1];
};

struct plan {
    struct vit_access *access; /* not NULL: names what would be touched */
    bool adds;
    struct box box; /* axes merged; the last is contiguous in both, or the last two are transposed */
    bool transposed;
    int split;              /* axis cut into chunks; axes before it are walked through, those behind it stay whole */
    int64_t chunk, n_chunk; /* length of a chunk, chunks in the axis */
    int64_t units, units_per_piece;
};

/* Drops axes of length 1 and joins neighbours that are one axis on both sides. */
static struct box merge_axes(const struct vit_strided_copy *c)
{
    struct box m = {.y = c->y, .x = c->x};
    for (int a = 0; a < c->ndim; a++) {
        if (c->dim[a] == 1)
            continue;
        int last = m.ndim - 1;
        if (m.ndim > 0 && m.y_stride[last] == c->y_stride[a] * c->dim[a] &&
            m.x_stride[last] == c->x_stride[a] * c->dim[a]) {
            m.dim[last] *= c->dim[a];
        } else {
            last = m.ndim++;
            m.dim[last] = c->dim[a];
        }
        m.y_stride[last] = c->y_stride[a];
        m.x_stride[last] = c->x_stride[a];
    }
    return m;
}

/* Brings axis to the end, the order of the others kept. */
static void move_last(struct box *b, int axis)
{
    int64_t dim = b->dim[axis], y_stride = b->y_stride[axis], x_stride = b->x_stride[axis];
    int a = axis;
    for (; a + 1 < b->ndim; a++) {
        b->dim[a] = b->dim[a + 1];
        b->y_stride[a] = b->y_stride[a + 1];
        b->x_stride[a] = b->x_stride[a + 1];
    }
    b->dim[a] = dim;
    b->y_stride[a] = y_stride;
    b->x_stride[a] = x_stride;
}

/* Where the innermost axis of y is not that of x, both are put last, the longer one first so that it can be cut. */
static bool order_transposed(struct box *b)
{
    int inner_x = -1, last = b->ndim - 1;
    for (int a = 0; a < last; a++)
        if (b->x_stride[a] == 1)
            inner_x = a;
    if (inner_x < 0 || b->y_stride[last] != 1)
        return false;
    bool x_is_longer = b->dim[inner_x] >= b->dim[last];
    move_last(b, inner_x);
    if (x_is_longer)
        move_last(b, last - 1);
    return true;
}

static void cut(struct plan *p)
{
    struct box *box = &p->box;
    int64_t inner = 1;
    p->split = box->ndim - 1;
    if (p->transposed)
        inner = box->dim[p->split--];
    while (p->split > 0 && inner * box->dim[p->split] < UNIT_ELEMENTS)
        inner *= box->dim[p->split--];
    int64_t dim = box->dim[p->split];
    p->chunk = (UNIT_ELEMENTS + inner - 1) / inner;
    p->chunk = (p->chunk + LINE_ELEMENTS - 1) / LINE_ELEMENTS * LINE_ELEMENTS;
    if (p->chunk > dim)
        p->chunk = dim;
    p->n_chunk = (dim + p->chunk - 1) / p->chunk;
    p->units = p->n_chunk;
    for (int a = 0; a < p->split; a++)
        p->units *= box->dim[a];
    p->units_per_piece = (PIECE_ELEMENTS + p->chunk * inner - 1) / (p->chunk * inner);
}

/* What add_transpose touches: tiles of TILE rows and columns, column by column. */
static void stream_added(struct vit_access *access, const struct vit_transpose *t)
{
    enum { TILE = 32 };
    for (int64_t row = 0; row < t->rows; row += TILE)
        for (int64_t column = 0; column < t->columns; column += TILE)
            for (int64_t c = column; c < t->columns && c < column + TILE; c++) {
                const int64_t end = row + TILE < t->rows ? row + TILE : t->rows;
                vit_real *y = t->y + c * t->y_stride + row;
                for (int64_t r = row; r < end; r++)
                    vit_access_read(access, t->x + r * t->x_stride + c, sizeof *y);
                vit_access_zip(access, &(struct vit_zip){.y = y, .a = y, .bytes = (size_t)(end - row) * sizeof *y});
            }
}

static void transpose(const struct plan *p, const struct vit_transpose *t)
{
    if (p->access)
        (p->adds ? stream_added : vit_transpose_stream)(p->access, t);
    else
        (p->adds ? vit_kernels()->add_transpose
                 : vit_kernels()->transpose)(t->y, t->x, (int64_t[2]){t->rows, t->columns}, t->y_stride, t->x_stride);
}

static void copy_runs(const struct plan *p, const struct box *at, const int64_t n[3])
{
    if (!p->access) {
        (p->adds ? vit_kernels()->add_runs : vit_kernels()->copy_runs)(at->y, at->x, n, at->y_stride, at->x_stride);
        return;
    }
    for (int64_t i = 0; i < n[0]; i++)
        for (int64_t k = 0; k < n[1]; k++) {
            const vit_real *y = at->y + i * at->y_stride[0] + k * at->y_stride[1];
            vit_access_zip(p->access, &(struct vit_zip){.y = y,
                                                        .a = at->x + i * at->x_stride[0] + k * at->x_stride[1],
                                                        .b = p->adds ? y : NULL,
                                                        .bytes = (size_t)n[2] * sizeof *y});
        }
}

/* The part of the box from `axis` inwards, with `count` items of that axis. */
static void copy_inner(const struct plan *p, int axis, int64_t count, const struct box *at)
{
    const struct box *box = &p->box;
    int last = box->ndim - 1;
    if (p->transposed && axis == last - 1) {
        bool rows_first = box->x_stride[last] == 1; /* rows of x are the items of axis last - 1 */
        int row = rows_first ? last - 1 : last, column = rows_first ? last : last - 1;
        transpose(p, &(struct vit_transpose){.y = at->y,
                                             .x = at->x,
                                             .rows = rows_first ? count : box->dim[row],
                                             .columns = rows_first ? box->dim[column] : count,
                                             .y_stride = box->y_stride[column],
                                             .x_stride = box->x_stride[row]});
        return;
    }
    if (!p->transposed && axis >= last - 2) {
        struct box runs = {.y = at->y, .x = at->x};
        int64_t n[3] = {1, 1, 1};
        for (int a = axis; a <= last; a++)
            n[a - last + 2] = a == axis ? count : box->dim[a];
        for (int a = axis; a < last; a++) {
            runs.y_stride[a - last + 2] = box->y_stride[a];
            runs.x_stride[a - last + 2] = box->x_stride[a];
        }
        copy_runs(p, &runs, n);
        return;
    }
    struct box item = *at;
    for (int64_t i = 0; i < count; i++) {
        copy_inner(p, axis + 1, box->dim[axis + 1], &item);
        item.y += box->y_stride[axis];
        item.x += box->x_stride[axis];
    }
}

static void copy_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct plan *p = context;
    int64_t end = (piece + 1) * p->units_per_piece;
    for (int64_t unit = piece * p->units_per_piece; unit < end && unit < p->units; unit++) {
        int64_t start = unit % p->n_chunk * p->chunk, rest = unit / p->n_chunk;
        int64_t count = p->box.dim[p->split] - start;
        struct box at = {.y = p->box.y + start * p->box.y_stride[p->split],
                         .x = p->box.x + start * p->box.x_stride[p->split]};
        for (int a = p->split - 1; a >= 0; a--) {
            int64_t i = rest % p->box.dim[a];
            rest /= p->box.dim[a];
            at.y += i * p->box.y_stride[a];
            at.x += i * p->box.x_stride[a];
        }
        copy_inner(p, p->split, count < p->chunk ? count : p->chunk, &at);
    }
}

void vit_strided_copy(struct vit_parallel *pool, struct vit_access *access, const struct vit_strided_copy *copy)
{
    struct plan p = {.access = access, .adds = copy->adds, .box = merge_axes(copy)};
    struct box *box = &p.box;
    int last = box->ndim - 1;
    bool runs = box->ndim > 0 && box->x_stride[last] == 1 && box->y_stride[last] == 1;
    if (!runs)
        p.transposed = box->ndim > 1 && order_transposed(box);
    if (!runs && !p.transposed) { /* contiguous nowhere: runs of one element */
        box->dim[box->ndim] = 1;
        box->y_stride[box->ndim] = box->x_stride[box->ndim] = 1;
        box->ndim++;
    }
    cut(&p);
    vit_parallel_for(access ? NULL : pool, (p.units + p.units_per_piece - 1) / p.units_per_piece, copy_piece, &p);
}

void vit_dense_strides(const struct vit_tensor *tensor, int64_t stride[VIT_MAX_DIMS])
{
    int64_t inner = 1;
    for (int a = tensor->ndim - 1; a >= 0; a--) {
        stride[a] = inner;
        inner *= tensor->dim[a];
    }
}

void vit_box_copy(struct vit_parallel *pool, struct vit_access *access, const struct vit_box_copy *box)
{
    struct vit_strided_copy copy = {.y = box->y->data, .x = box->x->data, .ndim = box->y->ndim, .adds = box->adds};
    vit_dense_strides(box->y, copy.y_stride);
    vit_dense_strides(box->x, copy.x_stride);
    for (int a = 0; a < copy.ndim; a++) {
        copy.dim[a] = box->dim[a];
        copy.y += box->y_start[a] * copy.y_stride[a];
        copy.x += box->x_start[a] * copy.x_stride[a];
        if (box->x->dim[a] == 1)
            copy.x_stride[a] = 0;
    }
    for (int a = 0; a < copy.ndim; a++)
        if (copy.dim[a] == 0)
            return;
    vit_strided_copy(pool, access, &copy);
}
