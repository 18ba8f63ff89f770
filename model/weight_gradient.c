/* SPDX-License-Identifier: MIT */
/* Pieces are blocks of dW, and where these are few, stretches of the inner dimension too, whose partial sums are added
 * up in order at the end. In a piece STEPS of the inner dimension at a time: the block of the left side lies in the
 * second cache level while panels of the right side pass. */
#include "model/weight_gradient.h"

#include "model/kernel_set.h"
#include "model/kernels/panel.h"

#include <string.h>

enum { STEPS = 256, SIDE = 384, PIECES = 8, REDUCED = 4096 };

struct cut {
    int64_t rows, columns, steps; /* of a piece */
    int64_t down, across, along;  /* pieces */
};

struct job {
    const struct vit_weight_gradient *gradient;
    struct cut cut;
    vit_real *scratch, *partial; /* partial (along, rows * columns + rows): where along > 1 */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t parts_of(int64_t n, int64_t part)
{
    return (n + part - 1) / part;
}

/* As even as panels allow. */
static int64_t cut_side(int64_t n)
{
    const int64_t parts = parts_of(n, SIDE);
    return parts ? parts_of(parts_of(n, parts), VIT_PANEL) * VIT_PANEL : VIT_PANEL;
}

static struct cut cut(const struct vit_weight_gradient *g)
{
    enum { FEWEST_BLOCKS = 2 };
    struct cut c = {.rows = cut_side(g->rows), .columns = cut_side(g->columns)};
    c.down = parts_of(g->rows, c.rows);
    c.across = parts_of(g->columns, c.columns);
    const int64_t blocks = parts_of(g->k, STEPS);
    int64_t along = smaller(blocks / FEWEST_BLOCKS, parts_of(PIECES, c.down * c.across + 1));
    along = along > 1 ? along : 1;
    c.steps = blocks ? parts_of(blocks, along) * STEPS : STEPS;
    c.along = blocks ? parts_of(g->k, c.steps) : 1;
    return c;
}

static int64_t scratch_elements(const struct cut *c)
{
    return (c->rows + VIT_PANEL) * STEPS;
}

static int64_t partial_elements(const struct vit_weight_gradient *g)
{
    return g->rows * g->columns + g->rows;
}

size_t vit_weight_gradient_workspace(const struct vit_weight_gradient *gradient, int threads)
{
    const struct cut c = cut(gradient);
    const int64_t partial = c.along > 1 ? c.along * partial_elements(gradient) : 0;
    return (size_t)(threads * scratch_elements(&c) + partial) * sizeof(vit_real);
}

/* Where a piece puts its sums: the results, or the partial ones of its stretch. */
struct sums {
    vit_real *dw, *row;
    bool adds_dw, adds_row;
};

static void add_block(const struct job *job, const struct sums *sums, const struct vit_side_block *left,
                      const struct vit_side_block *columns)
{
    const struct vit_weight_gradient *g = job->gradient;
    struct vit_panel_product product = {
        .ldc = g->columns, .a_column = 1, .m = left->n, .k = left->steps, .adds = sums->adds_dw};
    vit_real *panel = job->scratch, *copy = panel + (int64_t)VIT_PANEL * STEPS;
    product.panel = panel;
    product.a = g->left(g->source, copy, left, &product.a_row);
    if (sums->row) {
        if (!sums->adds_row)
            memset(sums->row + left->first, 0, (size_t)left->n * sizeof *sums->row);
        vit_kernels()->row_sums(sums->row + left->first, product.a, (const int64_t[]){left->n, left->steps},
                                product.a_row);
    }
    for (int64_t column = 0; sums->dw && column < columns->n; column += VIT_PANEL) {
        const struct vit_side_block right = {.first = columns->first + column,
                                             .n = smaller(columns->n - column, VIT_PANEL),
                                             .step = left->step,
                                             .steps = left->steps};
        g->right(g->source, panel, &right);
        product.c = sums->dw + left->first * g->columns + right.first;
        product.n = right.n;
        vit_kernels()->panel_product(&product);
    }
}

static void piece_sums(void *context, int64_t piece, int worker)
{
    struct job job = *(const struct job *)context;
    const struct vit_weight_gradient *g = job.gradient;
    const struct cut *c = &job.cut;
    const int64_t along = piece % c->along, block = piece / c->along;
    struct vit_side_block left = {.first = block / c->across * c->rows, .step = along * c->steps};
    struct vit_side_block right = {.first = block % c->across * c->columns};
    const int64_t end = smaller(g->k, left.step + c->steps);
    struct sums sums = {.dw = g->dw, .row = g->sums, .adds_dw = g->adds_dw, .adds_row = g->adds_sums};
    job.scratch += worker * scratch_elements(c);
    left.n = smaller(c->rows, g->rows - left.first);
    right.n = smaller(c->columns, g->columns - right.first);
    if (c->along > 1) {
        vit_real *partial = job.partial + along * partial_elements(g);
        sums = (struct sums){.dw = g->dw ? partial : NULL, .row = g->sums ? partial + g->rows * g->columns : NULL};
    }
    if (right.first > 0)
        sums.row = NULL; /* the first block of the row has them */
    for (; left.step < end; left.step += left.steps) {
        left.steps = smaller(STEPS, end - left.step);
        add_block(&job, &sums, &left, &right);
        sums.adds_dw = sums.adds_row = true;
    }
}

/* y (n) = the sums of all stretches, in their order; partial: of the first. */
static void reduce(const struct job *job, vit_real *y, const vit_real *partial, int64_t n)
{
    const int64_t step = partial_elements(job->gradient);
    const bool is_dw = partial < job->partial + job->gradient->rows * job->gradient->columns;
    const bool adds = is_dw ? job->gradient->adds_dw : job->gradient->adds_sums;
    if (adds)
        vit_kernels()->add_rows(y, y, partial, 1, n, n);
    for (int64_t along = 1; along < job->cut.along; along++)
        vit_kernels()->add_rows(y, along == 1 && !adds ? partial : y, partial + along * step, 1, n, n);
}

/* The last piece has the sums of the rows. */
static void piece_reduce(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct vit_weight_gradient *g = job->gradient;
    const int64_t elements = g->rows * g->columns, first = piece * REDUCED;
    if (first >= elements && g->sums)
        reduce(job, g->sums, job->partial + elements, g->rows);
    if (first < elements && g->dw)
        reduce(job, g->dw + first, job->partial + first, smaller(REDUCED, elements - first));
}

void vit_weight_gradient_run(const struct vit_weight_gradient *gradient, void *workspace, struct vit_parallel *pool)
{
    struct job job = {.gradient = gradient, .cut = cut(gradient), .scratch = workspace};
    job.partial = job.scratch + vit_parallel_threads(pool) * scratch_elements(&job.cut);
    vit_parallel_for(pool, job.cut.down * job.cut.across * job.cut.along, piece_sums, &job);
    if (job.cut.along > 1)
        vit_parallel_for(pool, parts_of(gradient->rows * gradient->columns, REDUCED) + 1, piece_reduce, &job);
}
