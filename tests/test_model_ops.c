/* SPDX-License-Identifier: MIT */
/* Every operator against its formula: the rows of tests/op_cases.def, each a test of its own. */
#include "tests/support/op_case.h"
#include "tests/support/op_reference.h"
#include "tests/support/test.h"

#include <float.h>
#include <stdio.h>

#ifdef VIT_REAL_DOUBLE
static const double epsilon = DBL_EPSILON;
#else
static const double epsilon = FLT_EPSILON;
#endif

/* Values of one output; fails at the first element that is further away than the reference allows. */
static void check_values(struct vit_op_reference *reference, int output, const char *kernel)
{
    const struct vit_tensor *y = reference->op->out[output];
    for (int64_t k = 0; k < vit_numel(y); k++) {
        int64_t index[VIT_MAX_DIMS], rest = k;
        for (int a = y->ndim - 1; a >= 0; a--) {
            index[a] = rest % y->dim[a];
            rest /= y->dim[a];
        }
        double slack, want = vit_op_reference(reference, output, index, &slack), got = (double)y->data[k];
        if (!(fabs(got - want) <= slack * epsilon))
            fail_msg("kernel %s: output %d, element %lld is %.17g, expected %.17g +- %g", kernel, output, (long long)k,
                     got, want, slack * epsilon);
    }
}

static void check_cost(const struct vit_op_run *run, int64_t macs)
{
    const struct vit_cost *cost = &run->plan.step[0].cost;
    const struct vit_op *op = run->op;
    int64_t in_bytes = 0, out_bytes = 0;
    for (int i = 0; i < op->n_in; i++)
        in_bytes += (int64_t)vit_nbytes(op->in[i]);
    for (int i = 0; i < op->n_out; i++)
        out_bytes += (int64_t)vit_nbytes(op->out[i]);
    assert_int_equal(cost->macs, macs);
    assert_int_equal(cost->write_bytes, out_bytes);
    int64_t read_bytes = cost->read_weight_bytes + cost->read_activation_bytes;
    assert_in_range(read_bytes, (int64_t)sizeof(vit_real), in_bytes);
    enum vit_op_class op_class = run->plan.step[0].def->op_class;
    if (op_class == VIT_CLASS_MOVEMENT)
        assert_int_equal(cost->flops, 0);
    else if (macs) /* one addition per result for a bias */
        assert_int_equal(cost->flops, 2 * macs + (op->n_in > 2 ? vit_numel(op->out[0]) : 0));
    else
        assert_true(cost->flops >= vit_numel(op->out[0]));
}

static void check_shapes(const struct vit_op *op, const struct vit_op_case *op_case)
{
    for (int i = 0; i < op->n_out; i++) {
        assert_int_equal(op->out[i]->ndim, vit_case_ndim(op_case->out[i]));
        for (int a = 0; a < op->out[i]->ndim; a++)
            assert_int_equal(op->out[i]->dim[a], op_case->out[i][a]);
    }
}

/* Pieces of work depend on shapes alone, so not a bit may change with the number of threads. */
static void check_threads(const struct vit_op_case *op_case, const struct vit_kernel *kernel,
                          const struct vit_op_run *one)
{
    for (int threads = 2; threads <= 3; threads++) {
        struct vit_op_run run;
        assert_ok(vit_op_run_open(&run, op_case, kernel, threads));
        for (int i = 0; i < run.op->n_out; i++)
            if (memcmp(run.op->out[i]->data, one->op->out[i]->data, vit_nbytes(run.op->out[i])) != 0)
                fail_msg("kernel %s: %d threads change the bits of output %d", kernel->name, threads, i);
        vit_op_run_close(&run);
    }
}

static void check_kernel(const struct vit_op_case *op_case, const struct vit_kernel *kernel)
{
    struct vit_op_run run;
    assert_ok(vit_op_run_open(&run, op_case, kernel, 1));
    check_shapes(run.op, op_case);
    struct vit_op_reference reference = {.op = run.op};
    for (int i = 0; i < run.op->n_out; i++)
        check_values(&reference, i, kernel->name);
    check_cost(&run, reference.macs);
    check_threads(op_case, kernel, &run);
    vit_op_run_close(&run);
}

static void test_ops_agree_with_their_formula(void **state)
{
    const struct vit_op_case *op_case = *state;
    struct vit_graph graph;
    assert_ok(vit_op_case_graph(op_case, &graph));
    int n = 0;
    for (const struct vit_kernel *kernel = vit_op_table[op_case->kind]->cpu; kernel->forward; kernel++)
        if (!kernel->supports || kernel->supports(graph.op[0])) {
            check_kernel(op_case, kernel);
            n++;
        }
    assert_true(n > 0);
    vit_graph_close(&graph);
}

static void test_ops_refuse_wrong_shapes(void **state)
{
    const struct vit_op_case *op_case = *state;
    struct vit_graph graph;
    assert_fails(vit_op_case_graph(op_case, &graph), VIT_EINVAL, op_case->message);
    assert_non_null(strstr(vit_error(), "unit")); /* the operator's name */
    assert_non_null(strstr(vit_error(), vit_op_table[op_case->kind]->name));
    vit_graph_close(&graph);
}

static void test_ops_have_cases_for_every_kind(void **state)
{
    (void)state;
    int accepted[VIT_N_OPS] = {0}, refused[VIT_N_OPS] = {0};
    for (int i = 0; i < vit_n_op_cases; i++)
        accepted[vit_op_cases[i].kind]++;
    for (int i = 0; i < vit_n_refused_cases; i++)
        refused[vit_refused_cases[i].kind]++;
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        if (accepted[kind] < 3 || refused[kind] < 1)
            fail_msg("tests/op_cases.def: %s has %d accepted and %d refused cases, needs 3 and 1",
                     vit_op_table[kind]->name, accepted[kind], refused[kind]);
}

/* A kernel that no case reaches would never be compared with anything. */
static void test_ops_have_cases_for_every_kernel(void **state)
{
    (void)state;
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        for (const struct vit_kernel *kernel = vit_op_table[kind]->cpu; kernel->forward; kernel++) {
            bool reached = !kernel->supports;
            for (int i = 0; i < vit_n_op_cases && !reached; i++) {
                struct vit_graph graph;
                if (vit_op_cases[i].kind != (enum vit_op_kind)kind)
                    continue;
                assert_ok(vit_op_case_graph(&vit_op_cases[i], &graph));
                reached = kernel->supports(graph.op[0]);
                vit_graph_close(&graph);
            }
            if (!reached)
                fail_msg("tests/op_cases.def: no case reaches kernel %s of %s", kernel->name, vit_op_table[kind]->name);
        }
}

static void test_ops_descriptors_are_complete(void **state)
{
    (void)state;
#define VIT_OP(kind) assert_string_equal(vit_op_table[VIT_OP_##kind]->name, #kind);
#include "model/ops/ops.def"
#undef VIT_OP
    for (int kind = 0; kind < VIT_N_OPS; kind++) {
        const struct vit_op_def *def = vit_op_table[kind];
        assert_in_range(def->min_in, 1, def->max_in);
        assert_in_range(def->max_in, def->min_in, VIT_MAX_IN);
        assert_non_null(def->infer);
        const struct vit_kernel *last = def->cpu;
        while (last[1].forward)
            last++;
        assert_null(last->supports); /* the last kernel takes every case */
    }
}

enum { MAX_TESTS = 400 };

static void add_case(struct CMUnitTest *test, const struct vit_op_case *op_case, CMUnitTestFunction function)
{
    static char name[MAX_TESTS][64];
    static int n;
    const char *what = op_case->message ? "refused" : "case";
    snprintf(name[n], sizeof name[n], "%s, %s of line %d", vit_op_table[op_case->kind]->name, what, op_case->line);
    *test = (struct CMUnitTest){.name = name[n++], .test_func = function, .initial_state = (void *)(uintptr_t)op_case};
}

int main(void)
{
    static struct CMUnitTest tests[MAX_TESTS] = {
        cmocka_unit_test(test_ops_have_cases_for_every_kind),
        cmocka_unit_test(test_ops_have_cases_for_every_kernel),
        cmocka_unit_test(test_ops_descriptors_are_complete),
    };
    size_t n = 3;
    if (vit_n_op_cases + vit_n_refused_cases + 3 > MAX_TESTS)
        return 1;
    for (int i = 0; i < vit_n_op_cases; i++)
        add_case(&tests[n++], &vit_op_cases[i], test_ops_agree_with_their_formula);
    for (int i = 0; i < vit_n_refused_cases; i++)
        add_case(&tests[n++], &vit_refused_cases[i], test_ops_refuse_wrong_shapes);
    return _cmocka_run_group_tests("model_ops", tests, n, NULL, NULL);
}
