/* SPDX-License-Identifier: MIT */
#include "model/elementwise_back.h"

#include "model/access.h"
#include "model/base/parallel.h"
#include "model/elementwise.h"
#include "model/kernel_set.h"
#include "model/strided_copy.h"

#include <string.h>

struct unary {
    struct vit_access *access; /* not NULL: names what the kernel would touch */
    void (*kernel)(vit_real *dx, const vit_real *value, const vit_real *dy, int64_t n, int64_t adds);
    vit_real *dx;
    const vit_real *value, *dy;
    int64_t n, adds;
};

static void unary_piece(void *context, int64_t piece, int worker)
{
    const struct unary *u = context;
    const int64_t begin = piece * VIT_PIECE_ELEMENTS, left = u->n - begin;
    const int64_t n = left < VIT_PIECE_ELEMENTS ? left : VIT_PIECE_ELEMENTS;
    (void)worker;
    if (u->access)
        vit_access_zip(u->access, &(struct vit_zip){.y = u->dx + begin,
                                                    .a = u->value + begin,
                                                    .b = u->dy + begin,
                                                    .c = u->adds ? u->dx + begin : NULL,
                                                    .bytes = (size_t)n * sizeof *u->dx});
    else
        u->kernel(u->dx + begin, u->value + begin, u->dy + begin, n, u->adds);
}

static void unary(const struct vit_step *step, struct unary u)
{
    const struct vit_op *op = step->op;
    u.dx = op->in[0]->grad->data;
    u.value = (step->def->backward_reads & VIT_READS_IN(0) ? op->in[0] : op->out[0])->data;
    u.dy = op->out[0]->grad->data;
    u.n = vit_numel(op->in[0]);
    u.adds = vit_step_adds(step, 0);
    vit_parallel_for(u.access ? NULL : step->pool, vit_piece_count(u.n, VIT_PIECE_ELEMENTS), unary_piece, &u);
}

void vit_unary_backward(const struct vit_step *step, void (*kernel)(vit_real *dx, const vit_real *value,
                                                                    const vit_real *dy, int64_t n, int64_t adds))
{
    unary(step, (struct unary){.kernel = kernel});
}

void vit_unary_back_stream(const struct vit_step *step, struct vit_access *access)
{
    unary(step, (struct unary){.access = access});
}

/* Where the sums of an operator's second gradient come from: groups of axes over which b advances, and those that it
 * was repeated along. */
struct sums {
    struct vit_access *access; /* not NULL: names what would be touched */
    const vit_real *a, *dy;    /* a: NULL: no factor */
    vit_real *db;
    bool adds;
    struct vit_axis_groups groups;
    int64_t n;         /* of the innermost group: elements of db, or terms of one */
    int64_t places;    /* of the groups behind it over which b advances */
    int64_t repeats;   /* of those that it was repeated along */
    int64_t per_piece; /* places, where a row is one chunk */
    int64_t chunks;    /* of a row of db */
};

enum { SUMS = 1024 }; /* of db in one chunk: double numbers that stay in the first cache */

/* First element of a at item `index` of the groups behind the innermost over which b advances, or of the others. */
static int64_t offset_of(const struct sums *s, int64_t index, bool advances)
{
    int64_t offset = 0, inner = s->groups.dim[0];
    for (int i = 1; i < s->groups.n; inner *= s->groups.dim[i++])
        if ((s->groups.stride[i] != 0) == advances) {
            offset += index % s->groups.dim[i] * inner;
            index /= s->groups.dim[i];
        }
    return offset;
}

static void put(const struct sums *s, int64_t at, double sum)
{
    if (s->access && s->adds)
        vit_access_read(s->access, s->db + at, sizeof *s->db);
    if (s->access)
        vit_access_write(s->access, s->db + at, sizeof *s->db);
    else
        s->db[at] = (vit_real)(s->adds ? (double)s->db[at] + sum : sum);
}

static void read_run(const struct sums *s, int64_t at, int64_t n)
{
    vit_access_zip(s->access, &(struct vit_zip){
                                  .a = s->dy + at, .b = s->a ? s->a + at : NULL, .bytes = (size_t)n * sizeof *s->dy});
}

/* One element of db: the sum over whole rows. */
static void sum_rows(const struct sums *s, int64_t place)
{
    double sum[2] = {0, 0};
    for (int64_t repeat = 0; repeat < s->repeats; repeat++) {
        const int64_t at = offset_of(s, place, true) + offset_of(s, repeat, false);
        if (s->access)
            read_run(s, at, s->n);
        else
            vit_kernels()->sum_and_dot(sum, s->dy + at, s->a ? s->a + at : s->dy + at, 0, s->n);
    }
    put(s, place, sum[s->a != NULL]);
}

/* A chunk of a row of db: sums of columns. */
static void sum_columns(const struct sums *s, int64_t place, int64_t chunk)
{
    double sum[SUMS];
    const int64_t first = chunk * SUMS, n = s->n - first < SUMS ? s->n - first : SUMS;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t repeat = 0; repeat < s->repeats; repeat++) {
        const int64_t at = offset_of(s, place, true) + offset_of(s, repeat, false) + first;
        if (s->access)
            read_run(s, at, n);
        else
            vit_kernels()->column_sums(sum, s->dy + at, s->a ? s->a + at : NULL, n);
    }
    for (int64_t i = 0; i < n; i++)
        put(s, place * s->n + first + i, sum[i]);
}

static void sum_piece(void *context, int64_t piece, int worker)
{
    const struct sums *s = context;
    int64_t place = piece / s->chunks * s->per_piece, end = place + s->per_piece;
    (void)worker;
    for (; place < end && place < s->places; place++)
        if (s->groups.stride[0])
            sum_columns(s, place, piece % s->chunks);
        else
            sum_rows(s, place);
}

/* db = the sums of dy, or of dy times a, over all that b was repeated along, each in one piece and in order. */
static void sum_repeats(const struct vit_step *step, struct vit_access *access, bool times)
{
    const struct vit_op *op = step->op;
    struct sums s = {.access = access,
                     .a = times ? op->in[0]->data : NULL,
                     .dy = op->out[0]->grad->data,
                     .db = op->in[1]->grad->data,
                     .adds = vit_step_adds(step, 1),
                     .groups = vit_axis_groups_of(op->in[0], op->in[1]),
                     .places = 1,
                     .repeats = 1};
    s.n = s.groups.dim[0];
    for (int i = 1; i < s.groups.n; i++)
        *(s.groups.stride[i] ? &s.places : &s.repeats) *= s.groups.dim[i];
    s.chunks = s.groups.stride[0] ? vit_piece_count(s.n, SUMS) : 1;
    s.per_piece = s.chunks == 1 ? vit_piece_rows(s.n * s.repeats) : 1;
    vit_parallel_for(access ? NULL : step->pool, vit_piece_count(s.places, s.per_piece) * s.chunks, sum_piece, &s);
}

/* to = dy, or dy times factor, which is as large or broadcast; or that added to what is there. */
static void pass_on(const struct vit_step *step, struct vit_access *access, int input, const struct vit_tensor *factor)
{
    const struct vit_kernel_set *k = vit_kernels();
    const struct vit_tensor *to = step->op->in[input]->grad, *dy = step->op->out[0]->grad;
    const bool adds = vit_step_adds(step, input);
    if (factor)
        vit_broadcast_run(
            step->pool, access,
            &(struct vit_broadcast){.y = to,
                                    .a = dy,
                                    .b = factor,
                                    .kernel = adds ? (struct vit_broadcast_kernel){k->mul_add_rows, k->mul_add_scalars}
                                                   : (struct vit_broadcast_kernel){k->mul_rows, k->mul_scalars},
                                    .adds = adds});
    else
        vit_strided_copy(step->pool, access,
                         &(struct vit_strided_copy){.y = to->data,
                                                    .x = dy->data,
                                                    .ndim = 1,
                                                    .dim = {vit_numel(dy)},
                                                    .y_stride = {1},
                                                    .x_stride = {1},
                                                    .adds = adds});
}

void vit_broadcast_backward(const struct vit_step *step, struct vit_access *access, bool times)
{
    const struct vit_op *op = step->op;
    const struct vit_tensor *a = op->in[0], *b = op->in[1];
    if (a->grad)
        pass_on(step, access, 0, times ? b : NULL);
    if (b->grad && vit_numel(a) == vit_numel(b))
        pass_on(step, access, 1, times ? a : NULL);
    else if (b->grad)
        sum_repeats(step, access, times);
}
