/* SPDX-License-Identifier: MIT */
/* The streams of the kernels against the kernels themselves: caches fed with what kernels say they touch fill as
 * callgrind's, which see every access, for every kind of operator. The child is this program (see main). */
#include "analysis/instance.h"
#include "tests/support/cache_agreement.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdio.h>

#define LARGE "L1=48K,12 L3=32M,16" /* holds all of a small model */
#define SMALL "L1=48K,12 L2=1M,16"  /* does not hold a block */

static const struct cache_case small_model[] = {
    {.model = "deit_nano", .caches = LARGE},
    {.model = "swin_nano", .img = 60, .caches = LARGE}, /* pads and crops */
    {.model = "efficientvit_nano", .caches = LARGE},
};
/* Sizes of operators as published, images smaller than those: callgrind's time is that of the multiply-adds. */
static const struct cache_case large_block[] = {
    {.model = "deit_block", .img = 112, .caches = SMALL},
    {.model = "swin_block", .img = 56, .caches = SMALL},
    {.model = "efficientvit_block", .img = 112, .caches = SMALL},
};
enum {
    N_SMALL = sizeof small_model / sizeof small_model[0],
    N_LARGE = sizeof large_block / sizeof large_block[0],
};

/* Cold fills of the first cache, in lines, that were compared: by kind, with all kernels. */
static int64_t compared[VIT_N_OPS];

/* Products are blocked for caches and touch lines again and again; everything else is a sweep or two, where the lines
 * at the ends of rows count more. */
static double tolerance(const struct vit_op *op)
{
    bool product = op->kind == VIT_OP_linear || op->kind == VIT_OP_matmul || op->kind == VIT_OP_conv2d;
    return product ? 0.02 : 0.05;
}

/* Returns how many of the fills do not even need their cliffs and crossings allowed for; *n: all fills. */
static int check_step(const struct cache_agreement *a, int i, int *n)
{
    const struct vit_step *step = &a->instance.plan.step[i];
    int plain = 0;
    for (int fill = 0; fill < N_FILLS; fill++) {
        const double error = cache_agreement_error(a, i, fill), most = tolerance(step->op);
        if (!(fabs(error) <= most))
            fail_msg("%s: %s (%s/%s): %s: %lld lines simulated, %lld in callgrind: %.1f %% beyond what is allowed for, "
                     "tolerance %.0f %%",
                     a->instance.model->name, step->op->name, step->def->name, step->kernel->name,
                     cache_fill_name[fill], (long long)a->simulated[i].fill[fill],
                     (long long)a->callgrind[i].fill[fill], 100 * error, 100 * most);
        plain += fabs(cache_agreement_plain_error(a, i, fill)) <= most;
        ++*n;
    }
    compared[step->op->kind] += a->callgrind[i].fill[FILL_COLD_D1];
    return plain;
}

static void check_case(struct cache_case wanted, const char *kernel)
{
    struct cache_agreement agreement;
    wanted.kernel = kernel;
    int status = cache_agreement_open(&agreement, &wanted, NULL);
    if (status == VIT_ENOTSUP && strstr(vit_error(), "valgrind is not installed")) {
        print_message("skipped: %s\n", vit_error());
        skip();
    }
    assert_ok(status);
    int plain = 0, n = 0;
    for (int i = 0; i < agreement.instance.plan.n_step; i++)
        plain += check_step(&agreement, i, &n);
    print_message("%s, %s: %d of %d fills within tolerance as they are\n", wanted.model, kernel, plain, n);
    /* The allowances are for some steps: 91 % and more were seen to need none. */
    assert_true(plain >= 0.85 * n);
    cache_agreement_close(&agreement);
}

static void test_agreement_of_small_models_with_panels(void **state)
{
    (void)state;
    for (int i = 0; i < N_SMALL; i++)
        check_case(small_model[i], "panels");
}

static void test_agreement_of_small_models_with_openblas(void **state)
{
    (void)state;
    for (int i = 0; i < N_SMALL; i++)
        check_case(small_model[i], "openblas");
}

static void test_agreement_of_blocks_with_panels(void **state)
{
    (void)state;
    for (int i = 0; i < N_LARGE; i++)
        check_case(large_block[i], "panels");
}

static void test_agreement_of_blocks_with_openblas(void **state)
{
    (void)state;
    for (int i = 0; i < N_LARGE; i++)
        check_case(large_block[i], "openblas");
}

/* Folding of norms is done once, before the first forward; a sigmoid is of one value per channel, too small to be
 * checked; evaluation has no operators of training nor of losses; hswish, silu, relu6 and hsigmoid are of other
 * networks, and walk as relu does. */
static bool is_left_out(enum vit_op_kind kind)
{
    return kind == VIT_OP_fold_batch_norm || kind == VIT_OP_sigmoid || kind == VIT_OP_cross_entropy ||
           kind == VIT_OP_binary_cross_entropy || kind == VIT_OP_one_hot || kind == VIT_OP_batch_norm_train ||
           kind == VIT_OP_dropout || kind == VIT_OP_drop_path || kind == VIT_OP_hswish || kind == VIT_OP_silu ||
           kind == VIT_OP_relu6 || kind == VIT_OP_hsigmoid;
}

static void test_agreement_is_of_every_kind(void **state)
{
    (void)state;
    int64_t all = 0;
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        all += compared[kind];
    if (all == 0)
        skip(); /* nothing ran */
    /* Ten times what is forgiven to one. */
    for (int kind = 0; kind < VIT_N_OPS; kind++)
        if (!is_left_out((enum vit_op_kind)kind) && compared[kind] < 10 * CACHE_COLD_LINES)
            fail_msg("%s: only %lld lines were compared", vit_op_table[kind]->name, (long long)compared[kind]);
}

static void test_child_is_hidden_and_refuses_to_run_alone(void **state)
{
    (void)state;
    static struct program_run run;
    program_start(&run, "callgrind-child deit_nano");
    assert_int_equal(run.exit_code, 1);
    assert_non_null(strstr(run.error, "`vitscope profile --traffic callgrind` starts it"));
    program_start(&run, "--help");
    assert_null(strstr(run.output, "callgrind-child"));
}

int main(int argc, char **argv)
{
    int exit_code = 0;
    if (cache_agreement_child(argc, argv, &exit_code))
        return exit_code;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement_of_small_models_with_panels),
        cmocka_unit_test(test_agreement_of_small_models_with_openblas),
        cmocka_unit_test(test_agreement_of_blocks_with_panels),
        cmocka_unit_test(test_agreement_of_blocks_with_openblas),
        cmocka_unit_test(test_agreement_is_of_every_kind),
        cmocka_unit_test(test_child_is_hidden_and_refuses_to_run_alone),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
