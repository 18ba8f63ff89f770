/* SPDX-License-Identifier: MIT */
/* Access streams of matrix products beyond what every stream must hold (test_model_streams): what OpenBLAS packs is
 * written before it is read, in every order of the sides and at every edge of its blocking; streams are the same with
 * any number of threads; instruction sets differ in order alone; merging keeps streams short. */
#include "model/access.h"
#include "model/blas_stream.h"
#include "model/kernel_set.h"
#include "model/kernels/panel.h"
#include "tests/support/op_case.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { REAL = (int)sizeof(vit_real), READ = 1, WRITTEN = 2 };

/* Arrays that no memory is behind: a stream reads no data. */
struct array {
    uintptr_t begin;
    size_t elements;
    bool scratch; /* must be written before it is read */
    uint8_t *mark;
};

enum { A, B, C, PACKED, N_ARRAYS };

struct recorder {
    struct vit_access access;
    struct array array[N_ARRAYS];
    int64_t spans;
};

static struct array *array_of(struct recorder *r, const struct vit_span *span)
{
    for (int i = 0; i < N_ARRAYS; i++) {
        struct array *array = &r->array[i];
        if (span->address >= array->begin && span->address + span->bytes <= array->begin + array->elements * REAL)
            return array;
    }
    fail_msg("%u bytes at %#zx are of no array", span->bytes, (size_t)span->address);
    return NULL;
}

static void record(struct vit_access *access)
{
    struct recorder *r = (struct recorder *)access; /* its first member */
    for (int i = 0; i < access->n; i++) {
        const struct vit_span *span = &access->span[i];
        struct array *array = array_of(r, span);
        const size_t first = (span->address - array->begin) / REAL, end = first + span->bytes / REAL;
        for (size_t k = first; k < end; k++) {
            if (array->scratch && !span->write && !(array->mark[k] & WRITTEN))
                fail_msg("element %zu is read before it is written", k);
            array->mark[k] |= span->write ? WRITTEN : READ;
        }
    }
    r->spans += access->n;
}

static void open_recorder(struct recorder *r, const size_t elements[N_ARRAYS])
{
    *r = (struct recorder){.access = {.drain = record}};
    for (int i = 0; i < N_ARRAYS; i++) {
        r->array[i] = (struct array){.begin = ((uintptr_t)(i + 1) << 32) + 16, .elements = elements[i]};
        r->array[i].mark = calloc(elements[i] + 1, 1);
        assert_non_null(r->array[i].mark);
    }
    r->array[PACKED].scratch = true;
}

static void close_recorder(struct recorder *r)
{
    for (int i = 0; i < N_ARRAYS; i++)
        free(r->array[i].mark);
}

/* Elements (rows, columns) of an array whose rows are ld apart carry exactly this mark, those between rows none. */
static void check_marks(const struct array *array, const int64_t size[2], int64_t ld, int mark)
{
    for (size_t k = 0; k < array->elements; k++) {
        const int want = (int64_t)k / ld < size[0] && (int64_t)k % ld < size[1] ? mark : 0;
        if (array->mark[k] != want)
            fail_msg("element %zu of rows of %lld: mark %d, expected %d", k, (long long)ld, array->mark[k], want);
    }
}

static void check_gemm(int m, int n, int k, const struct vit_gemm *how)
{
    struct vit_gemm g = *how;
    const int64_t a[2] = {g.trans_a ? k : m, g.trans_a ? m : k}, b[2] = {g.trans_b ? n : k, g.trans_b ? k : n};
    struct recorder r;
    g.m = m;
    g.n = n;
    g.k = k;
    g.lda = (int)a[1] + 3;
    g.ldb = (int)b[1] + 1;
    g.ldc = n + 2;
    open_recorder(&r, (const size_t[]){(size_t)(a[0] * g.lda), (size_t)(b[0] * g.ldb), (size_t)m * (size_t)g.ldc,
                                       VIT_GEMM_BUFFER_BYTES / 16});
    r.array[PACKED].begin = VIT_GEMM_BUFFER;
    g.a = (const vit_real *)r.array[A].begin;
    g.b = (const vit_real *)r.array[B].begin;
    g.c = (vit_real *)r.array[C].begin;
    vit_gemm_stream(&r.access, &g);
    vit_access_drain(&r.access);
    check_marks(&r.array[A], a, g.lda, k ? READ : 0);
    check_marks(&r.array[B], b, g.ldb, k ? READ : 0);
    check_marks(&r.array[C], (const int64_t[]){m, n}, g.ldc, k ? READ | WRITTEN : WRITTEN);
    close_recorder(&r);
}

/* Sides around one and two blocks of every core type, in turn as each of m, n and k, and odd ones. */
static void test_gemm_streams_touch_all_of_both_sides(void **state)
{
    (void)state;
    static const int side[][3] = {{1, 1, 1},    {37, 29, 53}, {13, 1, 7},    {5, 330, 6},   {7, 900, 11},
                                  {4, 1600, 9}, {9, 25, 330}, {6, 17, 1000}, {330, 13, 10}, {25, 350, 701}};
    for (size_t i = 0; i < sizeof side / sizeof side[0]; i++)
        for (int how = 0; how < 8; how++)
            check_gemm(side[i][0], side[i][1], side[i][2],
                       &(struct vit_gemm){
                           .trans_a = how & 1, .trans_b = how & 2, .alpha = 1, .beta = (vit_real)(how & 4 ? 1 : 0)});
}

static void test_gemm_streams_of_nothing(void **state)
{
    (void)state;
    check_gemm(5, 7, 0, &(struct vit_gemm){.alpha = 1}); /* C = 0 */
}

/* Others follow a blocking that is alike, and say so. */
static void test_gemm_streams_know_some_core_types(void **state)
{
    (void)state;
    static const char *const known[] = {"Haswell", "Zen", "Sandybridge"};
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        is_known |= strcmp(vit_blas_kernel(), known[i]) == 0;
    assert_int_equal(vit_gemm_stream_known(), is_known);
}

/* One product of the micro kernel, whatever the instruction set: the panel as wide as it is read, all else exact. */
static void check_panel_product(const struct vit_kernel_set *set, const int64_t size[3], bool columns_first)
{
    const int64_t m = size[0], n = size[1], k = size[2], ldc = n + 5;
    struct recorder r;
    open_recorder(&r, (const size_t[]){(size_t)(m * k), (size_t)(k * VIT_PANEL), (size_t)(m * ldc), 1});
    set->panel_product_stream(&r.access, &(struct vit_panel_product){.c = (vit_real *)r.array[C].begin,
                                                                     .ldc = ldc,
                                                                     .a = (const vit_real *)r.array[A].begin,
                                                                     .a_row = columns_first ? 1 : k,
                                                                     .a_column = columns_first ? m : 1,
                                                                     .panel = (const vit_real *)r.array[B].begin,
                                                                     .m = m,
                                                                     .n = n,
                                                                     .k = k});
    vit_access_drain(&r.access);
    check_marks(&r.array[A], (const int64_t[]){1, m * k}, m * k, READ);
    check_marks(&r.array[C], (const int64_t[]){m, n}, ldc, WRITTEN);
    for (int64_t i = 0; i < k * VIT_PANEL; i++)
        if (i % VIT_PANEL < n)
            assert_int_equal(r.array[B].mark[i], READ);
    /* Tiles of at least four rows and three vectors of 16 bytes; in each, a step names a row of the panel and at most
     * one span of A more, and there are the rows of A of the last line, those of C, and what they begin with. */
    assert_in_range(r.spans, 1, (m + 3) / 4 * ((n * REAL + 47) / 48) * (2 * k + 20));
    close_recorder(&r);
}

static void test_gemm_streams_of_panels_with_every_set(void **state)
{
    (void)state;
    static const int64_t size[][3] = {{1, 1, 1}, {4, 48, 16}, {9, 47, 33}, {17, 13, 5}, {8, 24, 100}, {3, 30, 64}};
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
            for (int order = 0; order < 2; order++)
                check_panel_product(*set, size[i], order);
}

/* Where a plan's tensors lie, so that the streams of two plans can be compared. */
struct digest {
    struct vit_access access;
    const struct vit_step *step;
    uint64_t sum;
};

static void digest(struct vit_access *access)
{
    struct digest *d = (struct digest *)access; /* its first member */
    const struct vit_op *op = d->step->op;
    for (int i = 0; i < access->n; i++) {
        const struct vit_span *span = &access->span[i];
        const bool packed = span->address - VIT_GEMM_BUFFER < VIT_GEMM_BUFFER_BYTES;
        uintptr_t base = packed ? VIT_GEMM_BUFFER : 0, number = 0;
        for (int k = 0; k < op->n_in + 2 && !packed; k++) {
            const uintptr_t begin = k < op->n_in    ? (uintptr_t)op->in[k]->data
                                    : k == op->n_in ? (uintptr_t)op->out[0]->data
                                                    : (uintptr_t)d->step->workspace;
            if (begin && begin <= span->address && begin > base) {
                base = begin;
                number = (uintptr_t)k + 1;
            }
        }
        d->sum = (d->sum ^ (span->address - base) ^ ((uint64_t)span->bytes << 20) ^ ((uint64_t)number << 40) ^
                  ((uint64_t)span->write << 50)) *
                 0x9e3779b97f4a7c15u;
        d->sum ^= d->sum >> 29;
    }
}

static uint64_t digest_case(const struct vit_op_case *op_case, const struct vit_kernel *kernel, int threads)
{
    static struct digest d;
    struct vit_op_run run;
    assert_ok(vit_op_run_open(&run, op_case, kernel, threads));
    d = (struct digest){.access = {.drain = digest}, .step = &run.plan.step[0]};
    kernel->stream(d.step, &d.access);
    vit_access_drain(&d.access);
    vit_op_run_close(&run);
    return d.sum;
}

/* Several pieces each, so that threads could share them out. */
static void test_gemm_streams_are_those_of_one_thread(void **state)
{
    (void)state;
    static const struct vit_op_case cases[] = {
        {.kind = VIT_OP_linear, .in = {{600, 21}, {97, 21}, {97}}},
        {.kind = VIT_OP_linear, .in = {{2, 300}, {1000, 300}, {1000}}},
        {.kind = VIT_OP_matmul, .in = {{40, 49, 32}, {40, 49, 32}}, .attr = {.trans_b = true}},
        {.kind = VIT_OP_conv2d,
         .in = {{2, 64, 19, 17}, {7, 64, 3, 3}, {7}},
         .attr = {.kernel = 3, .stride = 1, .pad = 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (const struct vit_kernel *kernel = vit_op_table[cases[i].kind]->cpu; kernel->forward; kernel++) {
            struct vit_graph graph;
            assert_ok(vit_op_case_graph(&cases[i], &graph));
            const bool runs = !kernel->supports || kernel->supports(graph.op[0]);
            vit_graph_close(&graph);
            if (runs)
                assert_int_equal(digest_case(&cases[i], kernel, 3), digest_case(&cases[i], kernel, 1));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm_streams_touch_all_of_both_sides),
        cmocka_unit_test(test_gemm_streams_of_nothing),
        cmocka_unit_test(test_gemm_streams_know_some_core_types),
        cmocka_unit_test(test_gemm_streams_of_panels_with_every_set),
        cmocka_unit_test(test_gemm_streams_are_those_of_one_thread),
    };
    return cmocka_run_group_tests_name("model_gemm_streams", tests, NULL, NULL);
}
