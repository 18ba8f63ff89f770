/* SPDX-License-Identifier: MIT */
#include "model/elementwise_back.h"

#include "model/base/parallel.h"
#include "model/elementwise.h"

#include <string.h>

struct unary {
    void (*kernel)(vit_real *dx, const vit_real *value, const vit_real *dy, int64_t n, int64_t adds);
    vit_real *dx;
    const vit_real *value, *dy;
    int64_t n, adds;
};

static void unary_piece(void *context, int64_t piece, int worker)
{
    const struct unary *u = context;
    const int64_t begin = piece * VIT_PIECE_ELEMENTS, left = u->n - begin;
    (void)worker;
    u->kernel(u->dx + begin, u->value + begin, u->dy + begin, left < VIT_PIECE_ELEMENTS ? left : VIT_PIECE_ELEMENTS,
              u->adds);
}

void vit_unary_backward(const struct vit_step *step, const vit_real *value,
                        void (*kernel)(vit_real *dx, const vit_real *value, const vit_real *dy, int64_t n,
                                       int64_t adds))
{
    const struct vit_tensor *dx = step->op->in[0]->grad;
    struct unary u = {.kernel = kernel,
                      .dx = dx->data,
                      .value = value,
                      .dy = step->op->out[0]->grad->data,
                      .n = vit_numel(dx),
                      .adds = vit_step_adds(step, 0)};
    vit_parallel_for(step->pool, vit_piece_count(u.n, VIT_PIECE_ELEMENTS), unary_piece, &u);
}

/* The axes of a behind which b does not change come last: runs of `run` elements with one element of b each, or, where
 * b's last axis is a's, runs with one element of b per element. */
struct broadcast {
    const struct vit_step *step;
    const vit_real *a, *b, *dy;
    vit_real *da;
    double *sum; /* of b's shape */
    bool times, adds_a;
    int ndim;
    int64_t dim[VIT_MAX_DIMS], stride[VIT_MAX_DIMS]; /* of a; of b along a's axes: 0 where it is repeated */
    int64_t rows;
};

static struct broadcast describe(const struct vit_step *step, bool times)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *a = op->in[0], *b = op->in[1];
    struct broadcast j = {.step = step,
                          .a = a->data,
                          .b = b->data,
                          .dy = op->out[0]->grad->data,
                          .da = a->grad ? a->grad->data : NULL,
                          .sum = step->workspace,
                          .times = times,
                          .adds_a = vit_step_adds(step, 0),
                          .ndim = a->ndim};
    int64_t inner = 1;
    for (int i = a->ndim; i-- > 0;) {
        const int of_b = i - (a->ndim - b->ndim);
        j.dim[i] = a->dim[i];
        j.stride[i] = of_b >= 0 && b->dim[of_b] != 1 ? inner : 0;
        inner *= of_b >= 0 ? b->dim[of_b] : 1;
    }
    j.rows = a->ndim ? vit_numel(a) / a->dim[a->ndim - 1] : 1;
    return j;
}

/* Element of b that belongs to the first element of a row of a. */
static int64_t element_of_b(const struct broadcast *j, int64_t row)
{
    int64_t at = 0;
    for (int i = j->ndim - 1; i-- > 0; row /= j->dim[i])
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): dims are at least 1 */
        at += row % j->dim[i] * j->stride[i];
    return at;
}

static void row_of_da(const struct broadcast *j, int64_t row, int64_t n)
{
    const int64_t step = j->ndim ? j->stride[j->ndim - 1] : 0;
    const vit_real *b = j->times ? j->b + element_of_b(j, row) : NULL, *dy = j->dy + row * n;
    vit_real *da = j->da + row * n;
    for (int64_t i = 0; i < n; i++) {
        const vit_real gradient = b ? dy[i] * b[i * step] : dy[i];
        da[i] = j->adds_a ? da[i] + gradient : gradient;
    }
}

static void da_piece(void *context, int64_t piece, int worker)
{
    const struct broadcast *j = context;
    const int64_t n = j->ndim ? j->dim[j->ndim - 1] : 1, per_piece = vit_piece_rows(n);
    const int64_t end = (piece + 1) * per_piece < j->rows ? (piece + 1) * per_piece : j->rows;
    (void)worker;
    for (int64_t row = piece * per_piece; row < end; row++)
        row_of_da(j, row, n);
}

static void sum_db(const struct broadcast *j, int64_t n)
{
    const int64_t step = j->ndim ? j->stride[j->ndim - 1] : 0;
    for (int64_t row = 0; row < j->rows; row++) {
        double *sum = j->sum + element_of_b(j, row);
        const vit_real *dy = j->dy + row * n, *a = j->a + row * n;
        for (int64_t i = 0; i < n; i++)
            sum[i * step] += (double)(j->times ? dy[i] * a[i] : dy[i]);
    }
}

void vit_broadcast_backward(const struct vit_step *step, bool times)
{
    struct broadcast j = describe(step, times);
    const int64_t n = j.ndim ? j.dim[j.ndim - 1] : 1;
    const struct vit_tensor *db = step->op->in[1]->grad;
    if (j.da)
        vit_parallel_for(step->pool, vit_piece_count(j.rows, vit_piece_rows(n)), da_piece, &j);
    if (!db)
        return;
    const int64_t elements = vit_numel(db);
    memset(j.sum, 0, (size_t)elements * sizeof *j.sum);
    sum_db(&j, n);
    for (int64_t i = 0; i < elements; i++)
        db->data[i] = (vit_real)(vit_step_adds(step, 1) ? (double)db->data[i] + j.sum[i] : j.sum[i]);
}

size_t vit_broadcast_back_workspace(const struct vit_op *op, int threads)
{
    (void)threads;
    return op->in[1]->grad ? (size_t)vit_numel(op->in[1]) * sizeof(double) : 0;
}
