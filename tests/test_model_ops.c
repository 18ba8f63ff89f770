/* SPDX-License-Identifier: MIT */
/* Every operator against its formula: the rows of tests/op_cases.def, each a test of its own. */
#include "tests/support/op_case.h"
#include "tests/support/op_check.h"
#include "tests/support/test.h"

#include <stdio.h>

static void test_ops_agree_with_their_formula(void **state)
{
    vit_op_check(*state);
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
