/* SPDX-License-Identifier: MIT */
/* OpenBLAS 0.3.21's driver of single-threaded products (driver/level3/level3.c): blocks of both sides are packed and
 * multiplied by kernels whose tiles depend on the core type. A row-major product is the column-major one with its
 * sides exchanged, so m, n, a, b below are the caller's n, m, b, a. Small products and vectors take the same way on the
 * core types that are known here: this version has no shortcut for them there. */
#include "model/blas_stream.h"

#include <string.h>

/* Blocking of a core type: P, Q, R and the unrolls from param.h, the rest from its kernel. */
struct core {
    const char *name;
    int64_t p, q, r;
    int64_t rows, columns; /* of packed panels: GEMM_UNROLL_M, GEMM_UNROLL_N */
    int64_t first_columns; /* packed and multiplied at a time while the first rows pass */
    int64_t wide, wide_of; /* columns of a tile while whole groups of wide_of columns are left */
    enum { DIRECT, WIDE_COPIED, ALL_COPIED } copied; /* tiles that first copy their columns to the stack */
    bool staggered; /* tiles of two panels of rows and half the columns, left and right in turn */
    bool known;     /* compared with Callgrind */
};

/* SkylakeX takes other kernels for products of up to a million multiplications, which are not described here. */
static const struct core cores[] = {
#ifdef VIT_REAL_DOUBLE
    {"Haswell", 512, 256, 13824, 4, 8, 24, 12, 24, WIDE_COPIED, false, true},
    {"Zen", 512, 256, 13824, 4, 8, 24, 12, 24, WIDE_COPIED, false, true},
    {"Sandybridge", 512, 256, 65008, 8, 4, 12, 4, 4, DIRECT, false, true},
    {"SkylakeX", 192, 384, 8640, 16, 2, 12, 12, 12, DIRECT, false, false},
    {"", 512, 256, 13824, 4, 4, 12, 4, 4, DIRECT, false, false}, /* any other */
#else
    {"Haswell", 320, 320, 104512, 8, 4, 12, 12, 12, DIRECT, true, true},
    {"Zen", 320, 320, 104512, 8, 4, 12, 12, 12, DIRECT, true, true},
    {"Sandybridge", 768, 384, 86592, 16, 4, 12, 4, 4, ALL_COPIED, false, true},
    {"SkylakeX", 448, 448, 74432, 16, 4, 24, 24, 24, DIRECT, false, false},
    {"", 320, 320, 104512, 8, 4, 12, 4, 4, DIRECT, false, false}, /* any other */
#endif
};
enum { N_CORES = sizeof cores / sizeof cores[0] };

static const struct core *find_core(void)
{
    const char *name = vit_blas_kernel();
    int i = 0;
    while (i < N_CORES - 1 && strcmp(cores[i].name, name) != 0)
        i++;
    return &cores[i];
}

bool vit_gemm_stream_known(void)
{
    return find_core()->known;
}

enum { REAL = sizeof(vit_real) };

/* A product, column-major, and the block that is worked on. */
struct product {
    struct vit_access *access;
    const struct core *core;
    bool trans_a, trans_b;
    int64_t m, n, k, lda, ldb, ldc;
    const vit_real *a, *b;
    vit_real *c;
    uintptr_t sa, sb, stack;
    int64_t depth; /* steps of k in the block */
};

static void read(const struct product *p, uintptr_t address, int64_t elements)
{
    vit_access_read(p->access, (const void *)address, (size_t)elements * REAL);
}

static void write(const struct product *p, uintptr_t address, int64_t elements)
{
    vit_access_write(p->access, (const void *)address, (size_t)elements * REAL);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The next part of what is left: `most`, or the largest power of two that fits. */
static int64_t part_of(int64_t left, int64_t most)
{
    if (left >= most)
        return most;
    int64_t part = 1;
    while (2 * part <= left)
        part *= 2;
    return part;
}

/* A block of a side, packed into panels of `width` lines along k. */
struct pack {
    const vit_real *from; /* its first element */
    int64_t ld;
    bool along_k; /* neighbours in memory are neighbours along k */
    int64_t lines, width;
    uintptr_t to;
};

/* Lines [i, i + width), steps [k, k + steps). */
static void pack_part(const struct product *p, const struct pack *pack, const int64_t at[2], const int64_t size[2])
{
    const int64_t i = at[0], k = at[1], width = size[0], steps = size[1];
    if (pack->along_k)
        for (int64_t line = i; line < i + width; line++)
            read(p, (uintptr_t)(pack->from + line * pack->ld + k), steps);
    else
        for (int64_t step = k; step < k + steps; step++)
            read(p, (uintptr_t)(pack->from + step * pack->ld + i), width);
    write(p, pack->to + (uintptr_t)(i * p->depth + k * width) * REAL, width * steps);
}

/* gemm_ncopy_N.c and gemm_tcopy_N.c. Across k, narrow panels are filled some steps at a time for all panels. */
static void pack_block(const struct product *p, const struct pack *pack)
{
    enum { WIDEST = 16 };
    const int64_t block = pack->width == WIDEST ? 2 : pack->width;
    const bool all_panels = !pack->along_k && pack->width != WIDEST;
    int64_t width, steps;
    if (all_panels) {
        for (int64_t k = 0; k < p->depth; k += steps) {
            steps = part_of(p->depth - k, block);
            for (int64_t i = 0; i < pack->lines; i += width) {
                width = part_of(pack->lines - i, pack->width);
                pack_part(p, pack, (const int64_t[]){i, k}, (const int64_t[]){width, steps});
            }
        }
        return;
    }
    for (int64_t i = 0; i < pack->lines; i += width) {
        width = part_of(pack->lines - i, pack->width);
        for (int64_t k = 0; k < p->depth; k += steps) {
            steps = part_of(p->depth - k, block);
            pack_part(p, pack, (const int64_t[]){i, k}, (const int64_t[]){width, steps});
        }
    }
}

/* A tile of C; the block's first row and column are 0 here. */
struct tile {
    const vit_real *c;
    int64_t row, rows, panels;   /* of A: `panels` panels of `rows` rows each */
    uintptr_t b;                 /* the block's columns, packed */
    int64_t column, columns;     /* of C */
    int64_t b_column, b_columns; /* of B that are read: whole panels, of which a tile may use half */
    int64_t b_width;             /* columns of a panel */
};

/* A few steps at a time: lines of A and of B that are read side by side. */
static void stream_tile(const struct product *p, const struct tile *t)
{
    enum { STEPS = 4 };
    for (int64_t k = 0; k < p->depth; k += STEPS) {
        const int64_t steps = smaller(STEPS, p->depth - k);
        for (int64_t i = 0; i < t->panels; i++)
            read(p, p->sa + (uintptr_t)((t->row + i * t->rows) * p->depth + k * t->rows) * REAL, steps * t->rows);
        for (int64_t j = 0, width; j < t->b_columns; j += width) {
            width = smaller(t->b_width, t->b_columns - j);
            read(p, t->b + (uintptr_t)((t->b_column + j) * p->depth + k * width) * REAL, steps * width);
        }
    }
    for (int64_t j = t->column; j < t->column + t->columns; j++) { /* C += */
        const uintptr_t c = (uintptr_t)(t->c + j * p->ldc + t->row);
        read(p, c, t->rows * t->panels);
        write(p, c, t->rows * t->panels);
    }
}

/* The first panel's left half, then right and left halves of two neighbouring panels in turn, each panel's right half
 * one tile after its left. Returns the rows that are done. */
static int64_t stream_staggered(const struct product *p, const struct tile *columns, int64_t rows)
{
    const int64_t panels = rows / p->core->rows, half = columns->columns / 2;
    for (int64_t i = 0; i <= panels; i++) {
        struct tile t = *columns;
        const bool right = i % 2 == 1;
        t.row = i == 0 ? 0 : (i - 1) * p->core->rows;
        t.panels = i == 0 || i == panels ? 1 : 2;
        t.rows = p->core->rows;
        t.column += right ? half : 0;
        t.columns = half;
        t.b_column += right ? t.b_width : 0;
        t.b_columns = 2 * t.b_width;
        stream_tile(p, &t);
    }
    return panels * p->core->rows;
}

/* The tile's columns, copied step by step to where they are read one after the other. */
static void copy_columns(const struct product *p, struct tile *t)
{
    enum { STEPS = 4 };
    for (int64_t k = 0; k < p->depth; k += STEPS) {
        const int64_t steps = smaller(STEPS, p->depth - k);
        for (int64_t j = 0, width; j < t->b_columns; j += width) {
            width = smaller(t->b_width, t->b_columns - j);
            read(p, t->b + (uintptr_t)((t->b_column + j) * p->depth + k * width) * REAL, steps * width);
        }
        write(p, p->stack + (uintptr_t)(k * t->columns) * REAL, steps * t->columns);
    }
    t->b = p->stack;
    t->b_column = 0;
    t->b_width = t->b_columns = t->columns;
}

/* C (rows, columns) += packed rows times packed columns at b. */
static void stream_kernel(const struct product *p, const vit_real *c, uintptr_t b, const int64_t size[2])
{
    enum { NARROW = 8 };
    const struct core *core = p->core;
    const int64_t rows = size[0], columns = size[1], wide_end = columns / core->wide_of * core->wide_of;
    for (int64_t j = 0, width; j < columns; j += width) {
        const bool wide = j < wide_end;
        width = wide ? core->wide : part_of(columns - j, NARROW);
        struct tile t = {.c = c, .panels = 1, .b = b, .column = j, .columns = width, .b_width = core->columns};
        t.b_column = wide ? j / core->columns * core->columns : j;
        t.b_columns = wide ? (j + width + core->columns - 1) / core->columns * core->columns - t.b_column : width;
        if (core->copied == ALL_COPIED || (core->copied == WIDE_COPIED && wide))
            copy_columns(p, &t);
        int64_t i = wide && core->staggered && rows >= 2 * core->rows ? stream_staggered(p, &t, rows) : 0;
        for (; i < rows; i += t.rows) {
            t.row = i;
            t.rows = part_of(rows - i, core->rows);
            stream_tile(p, &t);
        }
    }
}

/* Between one and two blocks of `most` are halved. */
static int64_t block_of(int64_t left, int64_t most, int64_t multiple)
{
    if (left >= 2 * most)
        return most;
    return left > most ? (left / 2 + multiple - 1) / multiple * multiple : left;
}

static void pack_a(const struct product *p, int64_t k, int64_t row, int64_t rows)
{
    const struct pack pack = {.from = p->a + (p->trans_a ? row * p->lda + k : k * p->lda + row),
                              .ld = p->lda,
                              .along_k = p->trans_a,
                              .lines = rows,
                              .width = p->core->rows,
                              .to = p->sa};
    pack_block(p, &pack);
}

static void pack_b(const struct product *p, int64_t k, const int64_t range[2], uintptr_t to)
{
    const struct pack pack = {.from = p->b + (p->trans_b ? k * p->ldb + range[0] : range[0] * p->ldb + k),
                              .ld = p->ldb,
                              .along_k = !p->trans_b,
                              .lines = range[1],
                              .width = p->core->columns,
                              .to = to};
    pack_block(p, &pack);
}

/* C += A B for columns [first, first + columns) and steps [k, k + depth). */
static void stream_block(const struct product *p, int64_t k, int64_t first, int64_t columns)
{
    const struct core *core = p->core;
    int64_t rows = block_of(p->m, core->p, core->rows);
    const bool keep_b = p->m > core->p; /* for the rows that follow */
    pack_a(p, k, 0, rows);
    for (int64_t j = 0, some; j < columns; j += some) {
        const int64_t left = columns - j;
        some = left >= core->first_columns ? core->first_columns : smaller(left, core->columns);
        const uintptr_t b = p->sb + (uintptr_t)(keep_b ? j * p->depth : 0) * REAL;
        pack_b(p, k, (const int64_t[]){first + j, some}, b);
        stream_kernel(p, p->c + (first + j) * p->ldc, b, (const int64_t[]){rows, some});
    }
    for (int64_t row = rows; row < p->m; row += rows) {
        rows = block_of(p->m - row, core->p, core->rows);
        pack_a(p, k, row, rows);
        stream_kernel(p, p->c + first * p->ldc + row, p->sb, (const int64_t[]){rows, columns});
    }
}

/* C *= beta. */
static void stream_beta(const struct product *p, vit_real beta)
{
    const size_t bytes = (size_t)p->m * REAL;
    for (int64_t j = 0; j < p->n && beta != 1; j++) {
        const vit_real *c = p->c + j * p->ldc;
        vit_access_zip(p->access, &(struct vit_zip){.y = c, .a = beta == 0 ? NULL : c, .bytes = bytes});
    }
}

static uintptr_t align(uintptr_t address)
{
    enum { ALIGNMENT = 1 << 14 }; /* GEMM_ALIGN */
    return (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void vit_gemm_stream(struct vit_access *access, const struct vit_gemm *g)
{
    enum { STACK_OFFSET = 128 }; /* of the kernels' copies, in a page */
    struct product p = {.access = access,
                        .core = find_core(),
                        .trans_a = g->trans_b,
                        .trans_b = g->trans_a,
                        .m = g->n,
                        .n = g->m,
                        .k = g->k,
                        .lda = g->ldb,
                        .ldb = g->lda,
                        .ldc = g->ldc,
                        .a = g->b,
                        .b = g->a,
                        .c = g->c,
                        .stack = VIT_GEMM_BUFFER + STACK_OFFSET};
    p.sa = VIT_GEMM_BUFFER + (1 << 20);
    p.sb = align(p.sa + (uintptr_t)(p.core->p * p.core->q) * REAL);
    stream_beta(&p, g->beta);
    if (g->alpha == 0)
        return;
    for (int64_t j = 0, columns; j < p.n; j += columns) {
        columns = smaller(p.core->r, p.n - j);
        for (int64_t k = 0; k < p.k; k += p.depth) {
            p.depth = block_of(p.k - k, p.core->q, p.core->rows);
            stream_block(&p, k, j, columns);
        }
    }
}
