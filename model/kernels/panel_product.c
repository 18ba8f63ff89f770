/* SPDX-License-Identifier: MIT */
/* panel_product.c - C (m, n) = A (m, k) B (k, n) for one panel of B: n <= VIT_PANEL columns, packed as (k, VIT_PANEL).
 * A tile of C stays in registers over the whole k: TILE_ROWS rows of three vectors. A is read where it lies, one
 * element broadcast at a time, so both of its orders are equally good. */
#include "model/access.h"
#include "model/kernels/isa.h"
#include "model/kernels/panel.h"
#include "model/kernels/vector_lanes.h"

#include <stdbool.h>
#include <stddef.h>

#if VIT_VECTOR_BYTES == 64
enum { TILE_ROWS = 8 }; /* 24 of 32 registers hold the tile */
#else
enum { TILE_ROWS = 4 }; /* 12 of 16 */
#endif
enum { TILE_VECTORS = 3 };

struct tile {
    vit_real *c;
    int64_t ldc;
    const vit_real *row[TILE_ROWS]; /* rows of A; behind the last row the last again, its results are not stored */
    int64_t a_column;               /* elements between columns of A */
    const vit_real *panel;
    const vit_real *row_bias, *column_bias; /* (m), (n) or NULL */
    int m, n;
    int64_t k;
    bool adds;
};

/* What is in C already; the last vector of a row may be a part. */
static inline __attribute__((always_inline)) void add_tile(const struct tile *t,
                                                           vit_vector sum[TILE_ROWS][TILE_VECTORS], const int vectors)
{
    const int whole = vectors - 1, part = t->n - whole * VIT_LANES;
#if VIT_VECTOR_BYTES >= 32
#pragma GCC unroll 8
#endif
    for (int i = 0; i < TILE_ROWS; i++) {
        if (i >= t->m)
            continue;
        const vit_real *c = t->c + i * t->ldc;
        for (int v = 0; v < whole; v++)
            sum[i][v] += vit_vector_load(c + v * VIT_LANES);
        if (part == VIT_LANES)
            sum[i][whole] += vit_vector_load(c + whole * VIT_LANES);
        else
            sum[i][whole] += vit_vector_load_part(c + whole * VIT_LANES, part, 0);
    }
}

/* Stores the tile's sums and its bias; the last vector of a row may be a part. */
static inline __attribute__((always_inline)) void store_tile(const struct tile *t,
                                                             vit_vector sum[TILE_ROWS][TILE_VECTORS], const int vectors)
{
    const int whole = vectors - 1, part = t->n - whole * VIT_LANES;
    vit_vector bias[TILE_VECTORS];
    for (int v = 0; v < vectors; v++)
        bias[v] = (vit_vector){0};
    if (t->column_bias) {
        for (int v = 0; v < whole; v++)
            bias[v] = vit_vector_load(t->column_bias + v * VIT_LANES);
        bias[whole] = part == VIT_LANES ? vit_vector_load(t->column_bias + whole * VIT_LANES)
                                        : vit_vector_load_part(t->column_bias + whole * VIT_LANES, part, 0);
    }
#if VIT_VECTOR_BYTES >= 32
#pragma GCC unroll 8 /* the sums stay in registers: no variable may index them */
#endif
    for (int i = 0; i < TILE_ROWS; i++) {
        if (i >= t->m)
            continue;
        vit_real *c = t->c + i * t->ldc;
        const vit_real row_bias = t->row_bias ? t->row_bias[i] : 0;
        for (int v = 0; v < whole; v++)
            vit_vector_store(c + v * VIT_LANES, sum[i][v] + bias[v] + row_bias);
        if (part == VIT_LANES)
            vit_vector_store(c + whole * VIT_LANES, sum[i][whole] + bias[whole] + row_bias);
        else
            vit_vector_store_part(c + whole * VIT_LANES, sum[i][whole] + bias[whole] + row_bias, part);
    }
}

static inline __attribute__((always_inline)) void multiply_tile(const struct tile *t, const int vectors)
{
    vit_vector sum[TILE_ROWS][TILE_VECTORS] = {{{0}}};
    for (int i = 0; i < t->m; i++) /* the rows are far apart: no hardware prefetch gets them in time */
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(t->c + i * t->ldc + v * VIT_LANES, 1);
    const vit_real *panel = t->panel;
    const int64_t a_column = t->a_column;
    const vit_real *row[TILE_ROWS];
    for (int i = 0; i < TILE_ROWS; i++)
        row[i] = t->row[i];
    for (int64_t k = 0; k < t->k; k++) {
        vit_vector b[TILE_VECTORS];
        for (int v = 0; v < vectors; v++)
            b[v] = vit_vector_load(panel + v * VIT_LANES);
        for (int i = 0; i < TILE_ROWS; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] += row[i][k * a_column] * b[v];
        panel += VIT_PANEL;
    }
    if (t->adds)
        add_tile(t, sum, vectors);
    store_tile(t, sum, vectors);
}

enum { TILE_COLUMNS = TILE_VECTORS * VIT_LANES };

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int vectors_of(const struct tile *t)
{
    return (t->n + VIT_LANES - 1) / VIT_LANES;
}

/* The tile whose first element of C is (i, j). */
static inline __attribute__((always_inline)) struct tile make_tile(const struct vit_panel_product *p, int64_t i,
                                                                   int64_t j)
{
    struct tile t = {.c = p->c + i * p->ldc + j,
                     .ldc = p->ldc,
                     .a_column = p->a_column,
                     .panel = p->panel + j,
                     .row_bias = p->row_bias ? p->row_bias + i : NULL,
                     .column_bias = p->column_bias ? p->column_bias + j : NULL,
                     .m = (int)smaller(p->m - i, TILE_ROWS),
                     .n = (int)smaller(p->n - j, TILE_COLUMNS),
                     .k = p->k,
                     .adds = p->adds};
    for (int r = 0; r < TILE_ROWS; r++)
        t.row[r] = p->a + (i + (r < t.m ? r : t.m - 1)) * p->a_row;
    return t;
}

/* The tiles of some columns, which take `vectors` vectors. */
static inline __attribute__((always_inline)) void multiply_columns(const struct vit_panel_product *p, int64_t j,
                                                                   const int vectors)
{
    for (int64_t i = 0; i < p->m; i += TILE_ROWS) {
        struct tile t = make_tile(p, i, j);
        multiply_tile(&t, vectors);
    }
}

static void multiply_columns_1(const struct vit_panel_product *p, int64_t j)
{
    multiply_columns(p, j, 1);
}

static void multiply_columns_2(const struct vit_panel_product *p, int64_t j)
{
    multiply_columns(p, j, 2);
}

static void multiply_columns_3(const struct vit_panel_product *p, int64_t j)
{
    multiply_columns(p, j, 3);
}

void VIT_KERNEL_NAME(panel_product)(const struct vit_panel_product *p)
{
    static void (*const multiply[])(const struct vit_panel_product *,
                                    int64_t) = {multiply_columns_1, multiply_columns_2, multiply_columns_3};
    for (int64_t j = 0; j < p->n; j += TILE_COLUMNS)
        multiply[(smaller(p->n - j, TILE_COLUMNS) - 1) / VIT_LANES](p, j);
}

/* What multiply_tile reads in steps [k, k + steps) of the panel, and of A. */
static void stream_panel(struct vit_access *access, const struct tile *t, int64_t k, int64_t steps)
{
    const size_t row = (size_t)vectors_of(t) * VIT_VECTOR_BYTES;
    if (row == VIT_PANEL * sizeof(vit_real))
        vit_access_read(access, t->panel + k * VIT_PANEL, (size_t)steps * row);
    else
        for (int64_t i = k; i < k + steps; i++)
            vit_access_read(access, t->panel + i * VIT_PANEL, row);
}

static void stream_a(struct vit_access *access, const struct tile *t, int64_t k, int64_t steps)
{
    if (steps == 1 && t->m > 1 && t->row[1] == t->row[0] + 1) {
        vit_access_read(access, t->row[0] + k * t->a_column, (size_t)t->m * sizeof(vit_real));
        return;
    }
    for (int i = 0; i < t->m; i++)
        vit_access_read(access, t->row[i] + k * t->a_column, (size_t)steps * sizeof(vit_real));
}

static void stream_store(struct vit_access *access, const struct tile *t)
{
    const size_t row = (size_t)t->n * sizeof(vit_real);
    if (t->column_bias)
        vit_access_read(access, t->column_bias, row);
    for (int i = 0; i < t->m; i++) {
        if (t->row_bias)
            vit_access_read(access, t->row_bias + i, sizeof(vit_real));
        if (t->adds)
            vit_access_read(access, t->c + i * t->ldc, row);
        vit_access_write(access, t->c + i * t->ldc, row);
    }
}

/* A line of each row of A serves some steps, in which each row is touched after every row of the panel: named at the
 * first and the last step, so that their place among the lines used last is right also where they share a set. */
static void stream_tile(struct vit_access *access, const struct tile *t)
{
    const int64_t most = t->a_column == 1 ? VIT_LINE_BYTES / (int64_t)sizeof(vit_real) : 1;
    for (int64_t k = 0; k < t->k; k += most) {
        const int64_t steps = t->k - k < most ? t->k - k : most;
        stream_panel(access, t, k, 1);
        stream_a(access, t, k, steps);
        if (steps > 1) {
            stream_panel(access, t, k + 1, steps - 1);
            stream_a(access, t, k, steps);
        }
    }
    stream_store(access, t);
}

void VIT_KERNEL_NAME(panel_product_stream)(struct vit_access *access, const struct vit_panel_product *p)
{
    for (int64_t j = 0; j < p->n; j += TILE_COLUMNS) {
        for (int64_t i = 0; i < p->m; i += TILE_ROWS) {
            struct tile t = make_tile(p, i, j);
            stream_tile(access, &t);
        }
    }
}
