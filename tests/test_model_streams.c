/* SPDX-License-Identifier: MIT */
/* Access streams against what they must touch: every kernel has one; it writes all of every output, reads all that
 * counts as compulsory, and stays inside the operator's memory. With an endless cache, empty before, it fetches no
 * fewer bytes than are compulsory: lines that are read or written, times 64; write-back is the lines that are written.
 */
#include "model/access.h"
#include "model/blas_stream.h"
#include "model/gradient.h"
#include "model/kernel_set.h"
#include "model/rewrite.h"
#include "model/zoo/model.h"
#include "tests/support/op_case.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { READ = 1, WRITTEN = 2, MOST_RANGES = 2 * (VIT_MAX_IN + VIT_MAX_OUT) + 2, REAL = (int)sizeof(vit_real) };

/* Memory that a stream may name; marks: what it did with each element. NULL: not of interest. */
struct range {
    uintptr_t begin, end;
    bool output, writable;
    uint8_t *mark;
};

struct recorder {
    struct vit_access access;
    struct range range[MOST_RANGES]; /* ascending, apart from each other */
    int n;
    char what[160];
};

/* Views of one tensor may overlap: the ranges become one. */
static void add_range(struct recorder *r, struct range range)
{
    int i = 0;
    while (i < r->n && r->range[i].end <= range.begin)
        i++;
    if (i < r->n && r->range[i].begin < range.end) {
        struct range *old = &r->range[i];
        old->begin = old->begin < range.begin ? old->begin : range.begin;
        old->end = old->end > range.end ? old->end : range.end;
        old->output &= range.output; /* in place: read before it is written */
        old->writable |= range.writable;
        assert_true(i + 1 == r->n || old->end <= r->range[i + 1].begin);
        return;
    }
    assert_true(r->n < MOST_RANGES);
    memmove(&r->range[i + 1], &r->range[i], (size_t)(r->n - i) * sizeof r->range[0]);
    r->range[i] = range;
    r->n++;
}

static struct range *range_of(struct recorder *r, uintptr_t address, size_t bytes)
{
    for (int i = 0; i < r->n; i++)
        if (address >= r->range[i].begin && address + bytes <= r->range[i].end)
            return &r->range[i];
    fail_msg("%s: names %zu bytes that are not the operator's", r->what, bytes);
    return NULL;
}

static void record(struct vit_access *access)
{
    struct recorder *r = (struct recorder *)access; /* its first member */
    for (int i = 0; i < access->n; i++) {
        const struct vit_span *span = &access->span[i];
        struct range *range = range_of(r, span->address, span->bytes);
        if (span->write && !range->writable)
            fail_msg("%s: writes to an input", r->what);
        if (!range->mark)
            continue;
        size_t first = (span->address - range->begin) / REAL, n = span->bytes / REAL;
        assert_true((span->address - range->begin) % REAL == 0 && span->bytes % REAL == 0);
        for (size_t k = first; range->output && !span->write && k < first + n; k++)
            if (!(range->mark[k] & WRITTEN))
                fail_msg("%s: reads an output before it writes it", r->what);
        for (size_t k = first; k < first + n; k++)
            range->mark[k] |= span->write ? WRITTEN : READ;
    }
}

static struct range tensor_range(const struct vit_tensor *tensor)
{
    return (struct range){.begin = (uintptr_t)tensor->data, .end = (uintptr_t)tensor->data + vit_nbytes(tensor)};
}

/* Of the way back: values and gradients of outputs are read, gradients of inputs written. */
static void add_backward_ranges(struct recorder *r, const struct vit_step *step)
{
    for (int i = 0; i < step->op->n_in; i++) {
        struct range range = {0};
        add_range(r, tensor_range(step->op->in[i]));
        if (step->op->in[i]->grad)
            range = tensor_range(step->op->in[i]->grad);
        range.writable = true;
        range.output = !vit_step_adds(step, i) && step->op->kind != VIT_OP_concat; /* which may sum what it repeated */
        if (step->op->in[i]->grad)
            add_range(r, range);
    }
    for (int i = 0; i < step->op->n_out; i++) {
        add_range(r, tensor_range(step->op->out[i]));
        if (step->op->out[i]->grad)
            add_range(r, tensor_range(step->op->out[i]->grad));
    }
}

static void add_forward_ranges(struct recorder *r, const struct vit_step *step)
{
    for (int i = 0; i < step->op->n_in; i++) {
        struct range range = tensor_range(step->op->in[i]);
        range.writable = step->def->updates; /* running statistics */
        add_range(r, range);
    }
    for (int i = 0; i < step->op->n_out; i++) {
        struct range range = tensor_range(step->op->out[i]);
        range.output = range.writable = true;
        add_range(r, range);
    }
}

static struct recorder *record_step(const struct vit_step *step, const char *what)
{
    static struct recorder r;
    r = (struct recorder){.access = {.drain = record}};
    snprintf(r.what, sizeof r.what, "%s, kernel %s of %s, set %s", what, step->kernel->name, step->def->name,
             vit_kernels()->isa);
    void (*stream)(const struct vit_step *, struct vit_access *) = step->kernel->stream;
    if (!stream)
        print_message("%s\n", r.what);
    assert_non_null(stream);
    if (step->pass == VIT_BACKWARD)
        add_backward_ranges(&r, step);
    else
        add_forward_ranges(&r, step);
    if (step->workspace_bytes)
        add_range(&r, (struct range){.begin = (uintptr_t)step->workspace,
                                     .end = (uintptr_t)step->workspace + step->workspace_bytes,
                                     .writable = true});
    for (int i = 0; i < r.n; i++) {
        r.range[i].mark = calloc((r.range[i].end - r.range[i].begin) / REAL + 1, 1);
        assert_non_null(r.range[i].mark);
    }
    if (step->kernel->blas)
        add_range(&r, (struct range){
                          .begin = VIT_GEMM_BUFFER, .end = VIT_GEMM_BUFFER + VIT_GEMM_BUFFER_BYTES, .writable = true});
    stream(step, &r.access);
    vit_access_drain(&r.access);
    return &r;
}

static void forget(struct recorder *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->range[i].mark);
}

/* Elements of a tensor that carry the mark. */
static int64_t count_marks(struct recorder *r, const struct vit_tensor *tensor, int mark)
{
    const struct range *range = range_of(r, (uintptr_t)tensor->data, vit_nbytes(tensor));
    const uint8_t *at = range->mark + ((uintptr_t)tensor->data - range->begin) / REAL;
    int64_t count = 0;
    for (int64_t k = 0; k < vit_numel(tensor); k++)
        count += (at[k] & mark) != 0;
    return count;
}

/* Bytes of the lines that carry any of the marks; two ranges may share a line at their ends. */
static int64_t line_bytes(const struct recorder *r, int marks)
{
    uintptr_t last = 0;
    int64_t lines = 0;
    for (int i = 0; i < r->n; i++)
        for (uintptr_t at = r->range[i].begin; r->range[i].mark && at < r->range[i].end; at += REAL)
            if ((r->range[i].mark[(at - r->range[i].begin) / REAL] & marks) && at / VIT_LINE_BYTES != last) {
                last = at / VIT_LINE_BYTES;
                lines++;
            }
    return lines * VIT_LINE_BYTES;
}

static void check_elements(struct recorder *r, const struct vit_step *step)
{
    const struct vit_op *op = step->op;
    for (int i = 0; i < op->n_out; i++)
        if (count_marks(r, op->out[i], WRITTEN) != vit_numel(op->out[i]))
            fail_msg("%s: does not write all of output %d", r->what, i);
    for (int i = 0; i < op->n_in; i++) {
        int64_t read = count_marks(r, op->in[i], READ);
        int64_t needed = step->def->reads ? step->def->reads(op, i) : vit_numel(op->in[i]);
        if (read < needed)
            fail_msg("%s: reads %lld elements of input %d, of which %lld are compulsory", r->what, (long long)read, i,
                     (long long)needed);
    }
}

/* Where outputs have memory of their own. */
static void check_lines(const struct recorder *r, const struct vit_cost *cost)
{
    int64_t fill = line_bytes(r, READ | WRITTEN), read = line_bytes(r, READ), write_back = line_bytes(r, WRITTEN);
    if (cost->read_weight_bytes + cost->read_activation_bytes > read || cost->write_bytes > write_back ||
        vit_cost_bytes(cost) > fill)
        fail_msg("%s: fetches %lld bytes, %lld of them to be read, and writes back %lld; compulsory are %lld", r->what,
                 (long long)fill, (long long)read, (long long)write_back, (long long)vit_cost_bytes(cost));
}

static void check_step(const struct vit_step *step, const char *what)
{
    struct recorder *r = record_step(step, what);
    check_elements(r, step);
    check_lines(r, &step->cost);
    forget(r);
}

static void check_case(const struct vit_op_case *op_case, const struct vit_kernel *kernel, int threads)
{
    struct vit_op_run run;
    char what[64];
    assert_ok(vit_op_run_open(&run, op_case, kernel, threads));
    snprintf(what, sizeof what, "case of line %d", op_case->line);
    const struct vit_tensor *y = run.op->out[0];
    memset(y->data, 0x5a, vit_nbytes(y));
    check_step(&run.plan.step[0], what);
    for (size_t k = 0; k < vit_nbytes(y); k++)
        assert_int_equal(((const unsigned char *)y->data)[k], 0x5a); /* a stream computes nothing */
    vit_op_run_close(&run);
}

static void check_all_cases(int threads)
{
    for (int i = 0; i < vit_n_op_cases; i++) {
        struct vit_graph graph;
        assert_ok(vit_op_case_graph(&vit_op_cases[i], &graph));
        for (const struct vit_kernel *kernel = vit_op_table[vit_op_cases[i].kind]->cpu; kernel->forward; kernel++)
            if (!kernel->supports || kernel->supports(graph.op[0]))
                check_case(&vit_op_cases[i], kernel, threads);
        vit_graph_close(&graph);
    }
}

/* Running statistics and targets are given, not learned. */
static bool is_fixed(const struct vit_op *op, int input)
{
    const bool norm = op->kind == VIT_OP_batch_norm || op->kind == VIT_OP_batch_norm_train;
    return norm ? input >= 3 : vit_op_table[op->kind]->op_class == VIT_CLASS_REDUCTION && input == 1;
}

/* All of each gradient is written, those of outputs are read whole, but for what a pad added; what is added to is read
 * too. */
static void check_way_back(const struct vit_step *step, const char *what)
{
    struct recorder *r = record_step(step, what);
    const struct vit_op *op = step->op;
    for (int i = 0; i < op->n_in; i++) {
        const struct vit_tensor *dx = op->in[i]->grad;
        if (dx && count_marks(r, dx, WRITTEN) != vit_numel(dx) && !vit_step_adds(step, i))
            fail_msg("%s: does not write all of gradient %d", r->what, i);
        if (dx && vit_step_adds(step, i) && count_marks(r, dx, READ) != count_marks(r, dx, WRITTEN))
            fail_msg("%s: adds to what it does not read of gradient %d", r->what, i);
        if (dx && step->def->backward_reads & VIT_READS_IN(i) && count_marks(r, op->in[i], READ) == 0)
            fail_msg("%s: does not read input %d", r->what, i);
    }
    if (op->kind != VIT_OP_pad && count_marks(r, op->out[0]->grad, READ) != vit_numel(op->out[0]->grad))
        fail_msg("%s: does not read all of the output's gradient", r->what);
    forget(r);
}

static void check_way_back_case(const struct vit_op_case *op_case, const struct vit_kernel *kernel)
{
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    char what[64];
    snprintf(what, sizeof what, "way back, case of line %d", op_case->line);
    assert_ok(vit_op_case_graph(op_case, &graph));
    const struct vit_op *op = graph.op[0];
    for (int i = 0; i < op->n_in; i++)
        op->in[i]->space = is_fixed(op, i) ? VIT_SPACE_BUFFER : VIT_SPACE_PARAM;
    assert_ok(vit_graph_differentiate(&graph, op->out[0], (struct vit_gradient_options){0}));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.backward = true}));
    struct vit_step *step = &plan.step[plan.n_step - 1];
    step->kernel = kernel;
    step->workspace_bytes = kernel->workspace ? kernel->workspace(op, 1) : 0;
    plan.workspace_bytes = step->workspace_bytes > plan.workspace_bytes ? step->workspace_bytes : plan.workspace_bytes;
    assert_ok(vit_exec_open(&exec, &plan));
    for (int adds = 0; adds < 2; adds++) {
        step->adds = adds ? ~0U : 0;
        check_way_back(step, what);
    }
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&graph);
}

/* Of the ways back that are described. */
static void test_streams_of_ways_back_touch_what_every_case_needs(void **state)
{
    (void)state;
    int described = 0;
    for (int i = 0; i < vit_n_op_cases; i++) {
        const struct vit_kernel *kernel = vit_op_table[vit_op_cases[i].kind]->backward;
        for (; kernel && kernel->forward; kernel++)
            if (kernel->stream) {
                check_way_back_case(&vit_op_cases[i], kernel);
                described++;
            }
    }
    assert_true(described > 50);
}

/* Kernels that no case reaches too. */
static void test_streams_exist_for_every_kernel(void **state)
{
    (void)state;
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        for (const struct vit_kernel *kernel = vit_op_table[kind]->cpu; kernel->forward; kernel++)
            if (!kernel->stream)
                fail_msg("kernel %s of %s has no stream", kernel->name, vit_op_table[kind]->name);
}

static void test_streams_touch_what_every_case_needs(void **state)
{
    (void)state;
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        assert_ok(vit_kernels_choose((*set)->isa));
        check_all_cases(1);
    }
    assert_ok(vit_kernels_choose(vit_kernel_sets()[0]->isa));
}

/* A plan of more threads has more scratch; the stream is that of one. */
static void test_streams_stay_inside_with_three_threads(void **state)
{
    (void)state;
    check_all_cases(3);
}

static void check_model(const char *model, const char *variant)
{
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    assert_ok(vit_model_build(&graph, vit_model_find(model), (struct vit_model_options){.batch = 2, .graph = variant}));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 1}));
    assert_ok(vit_exec_open(&exec, &plan));
    for (int i = 0; i < plan.n_prepare; i++)
        check_step(&plan.prepare[i], plan.prepare[i].op->name);
    for (int i = 0; i < plan.n_step; i++)
        check_step(&plan.step[i], plan.step[i].op->name);
    vit_exec_close(&exec);
    vit_plan_close(&plan);
    vit_graph_close(&graph);
}

static void test_streams_of_models_fetch_what_is_compulsory(void **state)
{
    (void)state;
    static const char *const model[] = {"efficientvit_nano", "deit_nano", "swin_nano", "deit_tiny"};
    for (size_t i = 0; i < sizeof model / sizeof model[0]; i++)
        for (int k = 0; k < vit_n_graph_variants; k++)
            check_model(model[i], vit_graph_variants[k].name);
}

/* The lines of the output were fetched as input: less is fetched than is compulsory, not less fetched and written. */
static void test_streams_in_place_fetch_once(void **state)
{
    (void)state;
    static const struct vit_op_case op_case = {.kind = VIT_OP_softmax, .in = {{4, 40}}};
    enum { BYTES = 4 * 40 * REAL };
    struct vit_op_run run;
    assert_ok(vit_op_run_open(&run, &op_case, NULL, 1));
    run.graph.logits->data = run.op->in[0]->data;
    struct recorder *r = record_step(&run.plan.step[0], "in place");
    assert_int_equal(vit_cost_bytes(&run.plan.step[0].cost), 2 * BYTES);
    assert_int_equal(line_bytes(r, READ | WRITTEN), BYTES);
    assert_int_equal(line_bytes(r, WRITTEN), BYTES);
    forget(r);
    vit_op_run_close(&run);
}

/* The walk side by side, from the middle of a line on: parts end where lines of y do. */
static void test_access_zip_cuts_at_lines(void **state)
{
    (void)state;
    static struct recorder r;
    r = (struct recorder){.access = {.drain = record}};
    const uintptr_t y = 1000 * VIT_LINE_BYTES + 48, a = 2000 * VIT_LINE_BYTES;
    vit_access_zip(&r.access, &(struct vit_zip){.y = (const void *)y, .a = (const void *)a, .bytes = 100});
    static const uint32_t bytes[] = {16, 64, 20};
    assert_int_equal(r.access.n, 6);
    for (uint32_t i = 0, at = 0; i < 3; at += bytes[i++]) {
        assert_int_equal(r.access.span[2 * i].address, a + at);
        assert_false(r.access.span[2 * i].write);
        assert_int_equal(r.access.span[2 * i + 1].address, y + at);
        assert_true(r.access.span[2 * i + 1].write);
        assert_int_equal(r.access.span[2 * i].bytes, bytes[i]);
        assert_int_equal(r.access.span[2 * i + 1].bytes, bytes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access_zip_cuts_at_lines),
        cmocka_unit_test(test_streams_exist_for_every_kernel),
        cmocka_unit_test(test_streams_touch_what_every_case_needs),
        cmocka_unit_test(test_streams_of_ways_back_touch_what_every_case_needs),
        cmocka_unit_test(test_streams_stay_inside_with_three_threads),
        cmocka_unit_test(test_streams_of_models_fetch_what_is_compulsory),
        cmocka_unit_test(test_streams_in_place_fetch_once),
    };
    return cmocka_run_group_tests_name("model_streams", tests, NULL, NULL);
}
