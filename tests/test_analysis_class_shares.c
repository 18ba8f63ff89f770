/* SPDX-License-Identifier: MIT */
/* Shares of the run time: point and quartiles are of the same runs, whichever operators were slow in which of them. */
#include "analysis/class_shares.h"
#include "tests/support/test.h"

#include <string.h>

enum { RUNS = 5, STEPS = 3 };

/* Copies A and B and a product: in each run one of the copies is slow, not always the same. Medians of the copies are 1
 * each (2 of 12: 17 %), though in four runs of five they took 10 of 20. */
static const int64_t times[RUNS][STEPS] = {{9, 1, 10}, {1, 9, 10}, {9, 1, 10}, {1, 9, 10}, {1, 1, 10}};

static struct vit_op op[STEPS] = {{.kind = VIT_OP_concat}, {.kind = VIT_OP_slice}, {.kind = VIT_OP_matmul}};
static struct vit_step step[STEPS] = {{.op = &op[0]}, {.op = &op[1]}, {.op = &op[2]}};
static struct vit_tensor input = {.dim = {1, 3, 32, 32}};
static const struct vit_column time_column[] = {{"time_ns", VIT_INT, "ns", ""}};
static struct vit_cell cell[RUNS * STEPS];
static struct vit_profile profile;

static int make_profile(void **state)
{
    (void)state;
    for (int i = 0; i < RUNS * STEPS; i++)
        cell[i] = vit_int(times[i / STEPS][i % STEPS]);
    profile.session.columns.schema = (struct vit_schema){"session", 1, 1, time_column};
    profile.measurement = (struct vit_measurement){
        .session = &profile.session, .n_step = STEPS, .n_column = 1, .n_repeat = RUNS, .cell = cell};
    profile.instance.plan.step = step;
    profile.instance.plan.n_step = STEPS;
    profile.instance.graph.input = &input;
    return 0;
}

static void assert_inside(const struct vit_summary *s)
{
    if (!(s->low <= s->median && s->median <= s->high))
        fail_msg("%g is not in %g to %g", s->median, s->low, s->high);
}

static void test_a_share_lies_between_its_quartiles(void **state)
{
    (void)state;
    struct vit_class_shares s;
    vit_class_shares_of(&s, &profile);
    assert_inside(&s.memory_bound_pct);
    for (int i = 0; i < VIT_N_PAPER_CLASSES; i++)
        assert_inside(&s.share_pct[i]);
    assert_close(s.memory_bound_pct.median, 50, 1e-12);
    assert_close(s.memory_bound_pct.low, 50, 1e-12);
    assert_close(s.memory_bound_pct.least, 100.0 * 2 / 12, 1e-12);
}

static void test_times_are_of_the_same_runs(void **state)
{
    (void)state;
    struct vit_class_shares s;
    const int copies = vit_paper_class_of(VIT_OP_slice), products = vit_paper_class_of(VIT_OP_matmul);
    vit_class_shares_of(&s, &profile);
    assert_true(s.memory_bound_ns == 10 && s.all_ns == 20 && s.repeats == RUNS);
    assert_true(s.time_ns[copies] == 10 && s.time_ns[products] == 10);
    assert_true(s.operators[copies] == 2 && s.operators[products] == 1);
    assert_close(s.share_pct[copies].median + s.share_pct[products].median, 100, 1e-12);
}

static void test_the_papers_bar_is_the_sum_of_its_classes(void **state)
{
    (void)state;
    struct vit_class_shares s;
    bool has_paper;
    assert_ok(vit_class_shares_paper(&s, "swin_tiny", &has_paper));
    assert_true(has_paper && !s.measured);
    assert_close(s.memory_bound_pct.median, 49.6, 0.05); /* printed with one digit */
    assert_ok(vit_class_shares_paper(&s, "efficientvit_m4", &has_paper));
    assert_false(has_paper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_share_lies_between_its_quartiles),
        cmocka_unit_test(test_times_are_of_the_same_runs),
        cmocka_unit_test(test_the_papers_bar_is_the_sum_of_its_classes),
    };
    return cmocka_run_group_tests(tests, make_profile, NULL);
}
