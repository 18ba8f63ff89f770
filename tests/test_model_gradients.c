/* SPDX-License-Identifier: MIT */
/* Every way back against finite differences of its forward: the rows of tests/op_cases.def, each a test of its own. A
 * random direction weighs all elements of an input at once: <gradient, v> = (f(x + h v) - f(x - h v)) / 2 h, where f
 * sums the outputs with random weights, which are the gradient of the outputs. */
#include "model/gradient.h"
#include "model/kernel_set.h"
#include "tests/support/op_case.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Double: h leaves 1e-16 / 1e-6 of rounding and 1e-12 of curvature. float: differences of sums of numbers near 1 carry
 * 1e-7 / 1e-2 of rounding and 1e-4 of curvature, which shows wrong formulas and no more; the 64-bit build is the judge.
 */
static const double step_width = sizeof(vit_real) == 8 ? 1e-6 : 1e-2;
static const double tolerance = sizeof(vit_real) == 8 ? 1e-6 : 4e-2;

struct run {
    struct vit_graph graph;
    struct vit_plan plan;
    struct vit_exec exec;
    const struct vit_op *op;
    struct vit_step *back;
};

static double uniform(uint64_t seed)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double direction(int input, int64_t k)
{
    return 2 * uniform((uint64_t)k * 1000 + (uint64_t)input + 500) - 1;
}

static double weight_of(int64_t k)
{
    return 2 * uniform((uint64_t)k * 1000 + 900) - 1;
}

/* Running statistics, targets and noise are given, not learned. */
static bool is_fixed(const struct vit_op *op, int input)
{
    bool norm = op->kind == VIT_OP_batch_norm || op->kind == VIT_OP_batch_norm_train;
    bool loss = op->kind == VIT_OP_cross_entropy || op->kind == VIT_OP_binary_cross_entropy;
    bool noise = op->kind == VIT_OP_dropout || op->kind == VIT_OP_drop_path;
    return (norm && input >= 3) || ((loss || noise) && input == 1);
}

/* All else is learned, so that all has gradients. */
static void open_run(struct run *run, const struct vit_op_case *op_case, const struct vit_kernel *kernel, int threads)
{
    *run = (struct run){0};
    assert_ok(vit_op_case_graph(op_case, &run->graph));
    run->op = run->graph.op[0];
    for (int i = 0; i < run->op->n_in; i++)
        run->op->in[i]->space = is_fixed(run->op, i) ? VIT_SPACE_BUFFER : VIT_SPACE_PARAM;
    assert_ok(vit_graph_differentiate(&run->graph, run->op->out[0], (struct vit_gradient_options){0}));
    assert_ok(vit_plan_build(&run->plan, &run->graph, (struct vit_plan_options){.threads = threads, .backward = true}));
    assert_int_equal(run->plan.n_step, 2);
    run->back = &run->plan.step[1];
    run->back->kernel = kernel;
    size_t workspace = kernel->workspace ? kernel->workspace(run->op, threads) : 0;
    if (run->plan.workspace_bytes < workspace)
        run->plan.workspace_bytes = workspace;
    assert_ok(vit_exec_open(&run->exec, &run->plan));
    vit_op_case_fill(run->op);
    run->plan.step[0].kernel->forward(&run->plan.step[0]);
    for (int64_t k = 0; k < vit_numel(run->op->out[0]); k++)
        run->op->out[0]->grad->data[k] = (vit_real)weight_of(k);
}

static void close_run(struct run *run)
{
    vit_exec_close(&run->exec);
    vit_plan_close(&run->plan);
    vit_graph_close(&run->graph);
}

/* Runs the way back over gradients that hold `before` (NaN: must be overwritten). */
static void go_back(struct run *run, vit_real before, unsigned adds)
{
    for (int i = 0; i < run->op->n_in; i++)
        for (int64_t k = 0; run->op->in[i]->grad && k < vit_numel(run->op->in[i]); k++)
            run->op->in[i]->grad->data[k] = before;
    if (run->plan.workspace_bytes)
        memset(run->exec.workspace, 0xff, run->plan.workspace_bytes);
    run->back->adds = adds;
    run->back->kernel->forward(run->back);
}

static double weighted_sum(const struct run *run)
{
    double sum = 0;
    for (int64_t k = 0; k < vit_numel(run->op->out[0]); k++)
        sum += (double)run->op->out[0]->data[k] * (double)(vit_real)weight_of(k);
    return sum;
}

/* f at x + h v; x comes back exactly. */
static double moved(struct run *run, int input, double h)
{
    struct vit_tensor *x = run->op->in[input];
    const int64_t n = vit_numel(x);
    vit_real *saved = malloc((size_t)n * sizeof *saved);
    assert_non_null(saved);
    memcpy(saved, x->data, (size_t)n * sizeof *saved);
    for (int64_t k = 0; k < n; k++)
        x->data[k] += (vit_real)(h * direction(input, k));
    run->plan.step[0].kernel->forward(&run->plan.step[0]);
    double sum = weighted_sum(run);
    memcpy(x->data, saved, (size_t)n * sizeof *saved);
    free(saved);
    return sum;
}

static void check_differences(struct run *run)
{
    for (int i = 0; i < run->op->n_in; i++) {
        const struct vit_tensor *x = run->op->in[i];
        double slope = 0, norm = 0;
        if (!x->grad)
            continue;
        for (int64_t k = 0; k < vit_numel(x); k++) {
            double g = (double)x->grad->data[k];
            slope += g * direction(i, k);
            norm += g * g;
        }
        double difference = (moved(run, i, step_width) - moved(run, i, -step_width)) / (2 * step_width);
        double outputs = sqrt((double)vit_numel(run->op->out[0])); /* sums of that many weighted numbers are rounded */
        if (!(fabs(slope - difference) <= tolerance * (sqrt(norm) + 1e-3 * outputs + 1e-3)))
            fail_msg("%s, kernel %s, input %d: slope %.12g, difference %.12g, norm of the gradient %.6g",
                     run->plan.step[0].def->name, run->back->kernel->name, i, slope, difference, sqrt(norm));
    }
    run->plan.step[0].kernel->forward(&run->plan.step[0]); /* outputs as they were */
}

static vit_real *copy_gradients(const struct run *run)
{
    int64_t n = 0, at = 0;
    for (int i = 0; i < run->op->n_in; i++)
        n += vit_numel(run->op->in[i]);
    vit_real *copy = calloc((size_t)n + 1, sizeof *copy);
    assert_non_null(copy);
    for (int i = 0; i < run->op->n_in; i++) {
        if (run->op->in[i]->grad)
            memcpy(copy + at, run->op->in[i]->grad->data, vit_nbytes(run->op->in[i]));
        at += vit_numel(run->op->in[i]);
    }
    return copy;
}

/* What is added to a gradient of 2 is what was set before: up to the rounding of the sum. */
static void check_adding(struct run *run, const vit_real *set)
{
    const double epsilon = sizeof(vit_real) == 8 ? 1e-12 : 1e-5;
    go_back(run, 2, ~0U);
    for (int i = 0; i < run->op->n_in; i++) {
        const struct vit_tensor *x = run->op->in[i];
        double most = 0;
        for (int64_t k = 0; x->grad && k < vit_numel(x); k++)
            most = fmax(most, fabs((double)set[k]));
        for (int64_t k = 0; x->grad && k < vit_numel(x); k++)
            if (!(fabs((double)x->grad->data[k] - 2 - (double)set[k]) <= epsilon * (2 + most)))
                fail_msg("%s, kernel %s, input %d: adds %.9g at %lld, sets %.9g", run->plan.step[0].def->name,
                         run->back->kernel->name, i, (double)x->grad->data[k] - 2, (long long)k, (double)set[k]);
        set += vit_numel(x);
    }
}

static void check_threads(const struct vit_op_case *op_case, const struct vit_kernel *kernel, const vit_real *one)
{
    for (int threads = 2; threads <= 3; threads++) {
        struct run run;
        open_run(&run, op_case, kernel, threads);
        go_back(&run, (vit_real)NAN, 0);
        vit_real *other = copy_gradients(&run);
        int64_t n = 0;
        for (int i = 0; i < run.op->n_in; i++)
            n += vit_numel(run.op->in[i]);
        assert_memory_equal(other, one, (size_t)n * sizeof *one);
        free(other);
        close_run(&run);
    }
}

static void check_kernel(const struct vit_op_case *op_case, const struct vit_kernel *kernel)
{
    struct run run;
    open_run(&run, op_case, kernel, 1);
    if (!kernel->supports || kernel->supports(run.op)) {
        go_back(&run, (vit_real)NAN, 0);
        check_differences(&run);
        vit_real *set = copy_gradients(&run);
        check_adding(&run, set);
        check_threads(op_case, kernel, set);
        free(set);
    }
    close_run(&run);
}

static void test_gradients_agree_with_finite_differences(void **state)
{
    const struct vit_op_case *op_case = *state;
    const char *best = vit_kernels()->isa;
    const struct vit_kernel *backward = vit_op_table[op_case->kind]->backward;
    if (!backward)
        skip(); /* counted: no way back */
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        assert_ok(vit_kernels_choose((*set)->isa));
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): skip() does not return */
        for (const struct vit_kernel *kernel = backward; kernel->forward; kernel++)
            check_kernel(op_case, kernel);
    }
    assert_ok(vit_kernels_choose(best));
}

enum { MAX_TESTS = 400 };

int main(void)
{
    static struct CMUnitTest tests[MAX_TESTS];
    static char name[MAX_TESTS][64];
    size_t n = 0;
    for (int i = 0; i < vit_n_op_cases && n < MAX_TESTS; i++, n++) {
        const struct vit_op_case *op_case = &vit_op_cases[i];
        snprintf(name[n], sizeof name[n], "%s, case of line %d", vit_op_table[op_case->kind]->name, op_case->line);
        tests[n] = (struct CMUnitTest){.name = name[n],
                                       .test_func = test_gradients_agree_with_finite_differences,
                                       .initial_state = (void *)(uintptr_t)op_case};
    }
    return _cmocka_run_group_tests("model_gradients", tests, n, NULL, NULL);
}
