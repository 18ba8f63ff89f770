/* SPDX-License-Identifier: MIT */
/* Which implementation a plan takes: the default, one by its name, none of an unknown name; and whole models on
 * OpenBLAS against the reference numbers, with any number of threads bit for bit (scripts/test verify: the models of
 * published size). */
#include "analysis/verification.h"
#include "tests/support/op_case.h"
#include "tests/support/test.h"

#include <glob.h>
#include <stdlib.h>

/* The implementation that a plan with this preference takes for the case. */
static const struct vit_kernel *chosen(const struct vit_op_case *op_case, const char *name)
{
    struct vit_graph graph;
    struct vit_plan plan;
    assert_ok(vit_op_case_graph(op_case, &graph));
    assert_ok(vit_plan_build(&plan, &graph, (struct vit_plan_options){.threads = 2, .kernel = name}));
    const struct vit_kernel *kernel = plan.step[0].kernel;
    const size_t bytes = kernel->workspace ? kernel->workspace(plan.step[0].op, 2) : 0;
    assert_int_equal(plan.step[0].workspace_bytes, bytes);
    vit_plan_close(&plan);
    vit_graph_close(&graph);
    return kernel;
}

static bool takes(const struct vit_kernel *kernel, const struct vit_op_case *op_case)
{
    struct vit_graph graph;
    assert_ok(vit_op_case_graph(op_case, &graph));
    bool yes = !kernel->supports || kernel->supports(graph.op[0]);
    vit_graph_close(&graph);
    return yes;
}

static const struct vit_kernel *first_that_takes(const struct vit_op_case *op_case)
{
    const struct vit_kernel *kernel = vit_op_table[op_case->kind]->cpu;
    while (!takes(kernel, op_case))
        kernel++;
    return kernel;
}

static void test_kernel_choice_default_is_the_first_that_supports(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_op_cases; i++) {
        assert_ptr_equal(chosen(&vit_op_cases[i], NULL), first_that_takes(&vit_op_cases[i]));
        assert_string_not_equal(chosen(&vit_op_cases[i], NULL)->name, "openblas");
    }
}

/* Every name of the kind, on every case: itself where it supports the operator, else the default. */
static void test_kernel_choice_by_name_or_default(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_op_cases; i++) {
        const struct vit_op_case *op_case = &vit_op_cases[i];
        for (const struct vit_kernel *kernel = vit_op_table[op_case->kind]->cpu; kernel->forward; kernel++)
            assert_ptr_equal(chosen(op_case, kernel->name),
                             takes(kernel, op_case) ? kernel : first_that_takes(op_case));
    }
}

static void test_kernel_choice_leaves_kinds_without_the_name_alone(void **state)
{
    (void)state;
    int others = 0;
    for (int i = 0; i < vit_n_op_cases; i++) {
        const enum vit_op_kind kind = vit_op_cases[i].kind;
        if (kind == VIT_OP_linear || kind == VIT_OP_matmul || kind == VIT_OP_conv2d) {
            assert_string_equal(chosen(&vit_op_cases[i], "openblas")->name, "openblas");
        } else {
            assert_ptr_equal(chosen(&vit_op_cases[i], "openblas"), first_that_takes(&vit_op_cases[i]));
            others++;
        }
    }
    assert_true(others > 0);
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

static void test_kernel_choice_lists_the_names_there_are(void **state)
{
    (void)state;
    struct vit_graph graph;
    struct vit_plan plan;
    assert_ok(vit_op_case_graph(&vit_op_cases[0], &graph));
    assert_fails(vit_plan_build(&plan, &graph, (struct vit_plan_options){.kernel = "openblaz"}), VIT_EINVAL,
                 "kernel openblaz: ");
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        for (const struct vit_kernel *kernel = vit_op_table[kind]->cpu; kernel->forward; kernel++)
            assert_non_null(strstr(vit_error(), kernel->name));
    assert_int_equal(count_of(vit_error(), "openblas"), 1);
    assert_int_equal(count_of(vit_error(), "strided_copy"), 1);
    assert_null(plan.step);
    vit_graph_close(&graph);
}

static struct vit_verification fixture_open(const char *path, const char *graph, struct cJSON **root)
{
    assert_ok(vit_fixture_open(root, path));
    return (struct vit_verification){.path = path, .graph = graph, .kernel = "openblas", .threads = 1, .root = *root};
}

static void check_numbers(const char *path, const char *graph)
{
    struct cJSON *root;
    struct vit_verification v = fixture_open(path, graph, &root);
    assert_ok(vit_verify_model(&v));
    int compared = 0;
    for (int i = 0; i < v.n_tally; i++) {
        if (v.tally[i].outside)
            fail_msg("%s, %s graph: %d numbers outside, %s", path, graph, v.tally[i].outside, v.tally[i].where);
        compared += v.tally[i].compared;
    }
    assert_true(compared > 100);
    vit_fixture_close(root);
}

/* Every product of the model runs on OpenBLAS; every tap and the logits have the same bits. */
static void check_threads(const char *path, const char *graph)
{
    struct cJSON *root;
    struct vit_instance instance[2];
    struct vit_verification v = fixture_open(path, graph, &root);
    const int64_t batch = vit_fixture_integer(vit_fixture_member(root, "eval"), "batch");
    for (int i = 0; i < 2; i++) {
        v.threads = i + 1;
        assert_ok(vit_verification_open(&v, root, (int)batch, NULL, &instance[i]));
        vit_exec_run(&instance[i].exec);
    }
    for (int s = 0; s < instance[0].plan.n_step; s++)
        if (instance[0].plan.step[s].cost.macs && instance[0].plan.step[s].op->kind != VIT_OP_depthwise_conv2d)
            assert_string_equal(instance[0].plan.step[s].kernel->name, "openblas");
    const struct vit_graph *one = &instance[0].graph, *two = &instance[1].graph;
    assert_memory_equal(one->logits->data, two->logits->data, vit_nbytes(one->logits));
    for (int t = 0; t < one->n_tap; t++)
        if (memcmp(one->tap[t].tensor->data, two->tap[t].tensor->data, vit_nbytes(one->tap[t].tensor)) != 0)
            fail_msg("%s, %s graph: two threads change the bits of %s", path, graph, one->tap[t].name);
    for (int i = 0; i < 2; i++)
        vit_instance_close(&instance[i]);
    vit_fixture_close(root);
}

static void each_fixture(void (*check)(const char *path, const char *graph))
{
    glob_t found;
    assert_int_equal(glob("tests/fixtures/[!a]*_nano_s1.json", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 3);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        check(found.gl_pathv[i], "eager");
        check(found.gl_pathv[i], "folded");
    }
    globfree(&found);
}

static void test_kernel_choice_openblas_gives_the_reference_numbers(void **state)
{
    (void)state;
    each_fixture(check_numbers);
}

static void test_kernel_choice_openblas_has_the_same_bits_on_two_threads(void **state)
{
    (void)state;
    each_fixture(check_threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_choice_default_is_the_first_that_supports),
        cmocka_unit_test(test_kernel_choice_by_name_or_default),
        cmocka_unit_test(test_kernel_choice_leaves_kinds_without_the_name_alone),
        cmocka_unit_test(test_kernel_choice_lists_the_names_there_are),
        cmocka_unit_test(test_kernel_choice_openblas_gives_the_reference_numbers),
        cmocka_unit_test(test_kernel_choice_openblas_has_the_same_bits_on_two_threads),
    };
    return cmocka_run_group_tests_name("model_kernel_choice", tests, NULL, NULL);
}
