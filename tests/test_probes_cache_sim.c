/* SPDX-License-Identifier: MIT */
/* Steps whose kernels are made here touch two arrays, A of 32 lines and B of 16, so that all bytes can be counted by
 * hand. */
#include "analysis/instance.h"
#include "model/blas_stream.h"
#include "model/kernel_set.h"
#include "probes/cache_geometry.h"
#include "probes/machine.h"
#include "probes/session.h"
#include "tests/support/probe_plan.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { N_COLUMNS = 8, COLD = 0, CHAINED = 4, A_BYTES = 32 * VIT_LINE_BYTES, B_BYTES = 16 * VIT_LINE_BYTES };

static _Alignas(64) char array_a[A_BYTES], array_b[B_BYTES];

static void write_a(const struct vit_step *step, struct vit_access *access)
{
    (void)step;
    vit_access_write(access, array_a, A_BYTES);
}

static void read_a_write_b(const struct vit_step *step, struct vit_access *access)
{
    (void)step;
    vit_access_read(access, array_a, A_BYTES);
    vit_access_write(access, array_b, B_BYTES);
}

static void read_b_twice(const struct vit_step *step, struct vit_access *access)
{
    (void)step;
    for (int i = 0; i < 2; i++)
        vit_access_read(access, array_b, B_BYTES);
}

static void read_a(const struct vit_step *step, struct vit_access *access)
{
    (void)step;
    vit_access_read(access, array_a, A_BYTES);
}

static const struct vit_kernel kernels[PROBE_PLAN_STEPS] = {{.name = "write_a", .stream = write_a},
                                                            {.name = "read_a_write_b", .stream = read_a_write_b},
                                                            {.name = "read_b_twice", .stream = read_b_twice},
                                                            {.name = "read_a", .stream = read_a}};
static const struct vit_kernel silent = {.name = "silent"};

static int open_steps(void **state)
{
    static struct probe_plan p;
    probe_plan_open(&p, 1, 4, 1);
    for (int i = 0; i < PROBE_PLAN_STEPS; i++)
        p.plan.step[i].kernel = &kernels[i];
    *state = &p;
    return 0;
}

static int close_steps(void **state)
{
    probe_plan_close(*state);
    return 0;
}

static void open_session(struct vit_session *session, const struct probe_plan *p, const char *probe)
{
    assert_ok(vit_session_open(session, &p->plan, &probe, 1));
    assert_int_equal(vit_session_schema(session)->n_columns, N_COLUMNS);
}

/* In lines: fetched into L1, L2, the last level; written to memory. -1: absent. */
static void assert_lines(const struct vit_session *session, int mode, const int want[PROBE_PLAN_STEPS][4])
{
    for (int step = 0; step < PROBE_PLAN_STEPS; step++) {
        struct vit_cell cell[N_COLUMNS];
        vit_session_read(session, step, cell);
        for (int c = 0; c < 4; c++) {
            int64_t got = cell[mode + c].present ? cell[mode + c].i : -VIT_LINE_BYTES;
            if (got != (int64_t)want[step][c] * VIT_LINE_BYTES)
                fail_msg("step %d, %s: %lld bytes, expected %d lines", step,
                         vit_session_schema(session)->column[mode + c].name, (long long)got, want[step][c]);
        }
    }
}

static void test_cache_sim_three_levels(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    open_session(&session, p, "cache_sim=L1=1K,full L2=4K,full L3=64K,16");
    assert_string_equal(vit_session_reason(&session, 0), "was not computed");
    vit_session_run(&session, &p->exec);
    for (int c = 0; c < N_COLUMNS; c++)
        assert_null(vit_session_reason(&session, c));
    assert_lines(
        &session, COLD,
        (const int[PROBE_PLAN_STEPS][4]){{32, 32, 32, 32}, {48, 48, 48, 16}, {16, 16, 16, 0}, {32, 32, 32, 0}});
    /* A is swept through an L1 of half its size; all else stays in L2. B is in L1 when it is read. */
    assert_lines(&session, CHAINED,
                 (const int[PROBE_PLAN_STEPS][4]){{32, 0, 0, 0}, {48, 0, 0, 0}, {0, 0, 0, 0}, {32, 0, 0, 0}});
    vit_session_close(&session);
}

static void test_cache_sim_two_levels_have_no_l2_apart(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    open_session(&session, p, "cache_sim=L1=1K,full L2=2K,full");
    vit_session_run(&session, &p->exec);
    assert_lines(
        &session, COLD,
        (const int[PROBE_PLAN_STEPS][4]){{32, -1, 32, 32}, {48, -1, 48, 16}, {16, -1, 16, 0}, {32, -1, 32, 0}});
    /* The last level holds A when a forward begins. Writing B evicts half of A, which is dirty; reading A then evicts
     * the other half and B, dirty too. */
    assert_lines(&session, CHAINED,
                 (const int[PROBE_PLAN_STEPS][4]){{32, -1, 0, 0}, {48, -1, 16, 16}, {0, -1, 0, 0}, {32, -1, 32, 32}});
    assert_string_equal(vit_session_reason(&session, 1),
                        "the modelled caches (L1=1K,full L2=2K,full) have no such level before their last");
    assert_non_null(vit_session_reason(&session, 5));
    assert_null(vit_session_reason(&session, 2));
    vit_session_close(&session);
}

static void test_cache_sim_one_level_is_the_last(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    open_session(&session, p, "cache_sim=L3=2K,full");
    vit_session_run(&session, &p->exec);
    assert_lines(
        &session, COLD,
        (const int[PROBE_PLAN_STEPS][4]){{-1, -1, 32, 32}, {-1, -1, 48, 16}, {-1, -1, 16, 0}, {-1, -1, 32, 0}});
    assert_lines(&session, CHAINED,
                 (const int[PROBE_PLAN_STEPS][4]){{-1, -1, 0, 0}, {-1, -1, 16, 16}, {-1, -1, 0, 0}, {-1, -1, 32, 32}});
    vit_session_close(&session);
}

static void test_cache_sim_levels_go_by_their_numbers(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    open_session(&session, p, "cache_sim=L2=1K,full L3=64K,16");
    vit_session_run(&session, &p->exec);
    assert_lines(&session, CHAINED,
                 (const int[PROBE_PLAN_STEPS][4]){{-1, 32, 0, 0}, {-1, 48, 0, 0}, {-1, 0, 0, 0}, {-1, 32, 0, 0}});
    vit_session_close(&session);
}

static void test_cache_sim_step_without_stream_breaks_the_chain(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    p->plan.step[1].kernel = p->plan.step[2].kernel = &silent;
    open_session(&session, p, "cache_sim=L1=1K,full L2=4K,full L3=64K,16");
    vit_session_run(&session, &p->exec);
    assert_lines(
        &session, COLD,
        (const int[PROBE_PLAN_STEPS][4]){{32, 32, 32, 32}, {-1, -1, -1, -1}, {-1, -1, -1, -1}, {32, 32, 32, 0}});
    for (int c = COLD; c < CHAINED; c++)
        assert_null(vit_session_reason(&session, c));
    static const int none[PROBE_PLAN_STEPS][4] = {
        {-1, -1, -1, -1}, {-1, -1, -1, -1}, {-1, -1, -1, -1}, {-1, -1, -1, -1}};
    assert_lines(&session, CHAINED, none);
    for (int c = CHAINED; c < N_COLUMNS; c++)
        assert_string_equal(vit_session_reason(&session, c), "step b: kernel add/silent does not tell what it touches");
    vit_session_close(&session);
}

static void test_cache_sim_is_absent_without_any_stream(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    for (int i = 0; i < PROBE_PLAN_STEPS; i++)
        p->plan.step[i].kernel = &silent;
    open_session(&session, p, "cache_sim=L1=1K,full");
    vit_session_run(&session, &p->exec);
    assert_string_equal(vit_session_reason(&session, 2),
                        "step a: kernel scale/silent does not tell what it touches, nor does any other");
    vit_session_close(&session);
}

static void test_cache_sim_takes_the_machines_caches(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    struct vit_machine machine;
    struct vit_cache_geometry g;
    char text[VIT_CACHE_TEXT], source[VIT_SOURCE_TEXT];
    assert_ok(vit_machine_read(&machine));
    open_session(&session, p, "cache_sim");
    vit_session_run(&session, &p->exec);
    if (vit_cache_geometry_of(&g, &machine) != VIT_OK) {
        assert_string_equal(vit_session_reason(&session, 0), vit_error());
    } else {
        struct vit_figure figure = vit_probe_figure(&session.probe[0], 0);
        snprintf(source, sizeof source, "LRU %s, 64 B lines, write-allocate, no prefetch, 1 thread, kernels %s",
                 vit_cache_geometry_text(&g, text), vit_kernels()->isa);
        assert_string_equal(figure.source, source);
        assert_int_equal(figure.tier, VIT_TIER_SIMULATED);
        assert_int_equal(figure.scope, VIT_SCOPE_MODEL);
    }
    vit_session_close(&session);
}

static void test_cache_sim_wrong_caches_are_the_callers_error(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_fails(vit_session_open(&session, &p->plan, (const char *const[]){"cache_sim=L1=33K,7"}, 1), VIT_EINVAL,
                 "no multiple of 7 ways");
    assert_fails(vit_session_open(&session, &p->plan, (const char *const[]){"cache_sim="}, 1), VIT_EINVAL,
                 "no level is named");
}

struct heard {
    int n;
    double last;
    bool ascending;
};

static void hear(void *context, double share)
{
    struct heard *heard = context;
    heard->ascending = heard->ascending && share > heard->last;
    heard->last = share;
    heard->n++;
}

static void test_cache_sim_tells_how_far_it_is(void **state)
{
    struct probe_plan *p = *state;
    for (int missing = 0; missing < 2; missing++) {
        struct heard heard = {.ascending = true};
        const struct vit_meter meter = {.tell = hear, .context = &heard};
        struct vit_session session;
        p->plan.step[0].kernel = missing ? &silent : &kernels[0];
        open_session(&session, p, "cache_sim=L1=1K,full");
        assert_true(vit_session_seconds(&session) > 0);
        vit_session_compute(&session, &p->exec, &(struct vit_session_limits){.meter = &meter});
        assert_true(vit_session_seconds(&session) == 0); /* nothing is left to do */
        assert_int_equal(heard.n, missing ? 3 : 3 * PROBE_PLAN_STEPS);
        assert_true(heard.ascending);
        assert_close(heard.last, 1, 1e-9); /* sums of a dozen doubles */
        vit_session_close(&session);
    }
}

static void test_cache_sim_respects_a_limit_of_time(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    open_session(&session, p, "cache_sim=L1=1K,full");
    vit_session_compute(&session, &p->exec, &(struct vit_session_limits){.seconds = 1e-9});
    assert_non_null(strstr(vit_session_reason(&session, 2), "would take about"));
    vit_session_close(&session);
}

/* Of every step of a model: what is needed must come from memory once, and what was written must go there. */
static void check_compulsory(const char *model, const char *graph)
{
    struct vit_instance instance;
    struct vit_session session;
    struct vit_instance_options options = {.model = {.graph = graph}, .seed = 3};
    assert_ok(vit_instance_open(&instance, model, &options));
    const char *probe = "cache_sim=L1=48K,12 L2=1M,16 L3=32M,16";
    assert_ok(vit_session_open(&session, &instance.plan, &probe, 1));
    vit_session_compute(&session, &instance.exec, NULL);
    for (int i = 0; i < instance.plan.n_step; i++) {
        const struct vit_step *step = &instance.plan.step[i];
        struct vit_cell cell[N_COLUMNS];
        vit_session_read(&session, i, cell);
        if (!cell[2].present)
            fail_msg("%s %s, step %s: %s", model, graph, step->op->name, vit_session_reason(&session, CHAINED));
        if (cell[2].i < vit_cost_bytes(&step->cost) || cell[3].i < step->cost.write_bytes || cell[0].i < cell[2].i)
            fail_msg("%s %s %s, step %s (%s/%s): %lld bytes fetched, %lld written, compulsory %lld and %lld", model,
                     graph, vit_kernels()->isa, step->op->name, step->def->name, step->kernel->name,
                     (long long)cell[2].i, (long long)cell[3].i, (long long)vit_cost_bytes(&step->cost),
                     (long long)step->cost.write_bytes);
        assert_true(cell[CHAINED].present && cell[CHAINED + 2].i <= cell[2].i);
    }
    vit_session_close(&session);
    vit_instance_close(&instance);
}

static void test_cache_sim_fetches_compulsory_bytes_at_least(void **state)
{
    (void)state;
    static const char *const model[] = {"deit_nano", "swin_nano", "efficientvit_nano"};
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        assert_ok(vit_kernels_choose((*set)->isa));
        for (int i = 0; i < 3; i++) {
            check_compulsory(model[i], "eager");
            check_compulsory(model[i], "folded");
        }
    }
    assert_ok(vit_kernels_choose(vit_kernel_sets()[0]->isa));
}

static void test_cache_sim_names_openblas(void **state)
{
    (void)state;
    if (vit_blas_open() != VIT_OK)
        skip();
    struct vit_instance instance;
    struct vit_session session;
    struct vit_instance_options options = {.kernel = "openblas", .seed = 3};
    assert_ok(vit_instance_open(&instance, "deit_nano", &options));
    const char *probe = "cache_sim=L1=32K,8";
    assert_ok(vit_session_open(&session, &instance.plan, &probe, 1));
    vit_session_compute(&session, &instance.exec, NULL);
    char name[64];
    snprintf(name, sizeof name, "kernels %s, OpenBLAS %s", vit_kernels()->isa, vit_blas_kernel());
    struct vit_figure figure = vit_probe_figure(&session.probe[0], 2);
    assert_non_null(strstr(figure.source, name));
    assert_true(vit_gemm_stream_known() == !strstr(figure.source, "guessed"));
    vit_session_close(&session);
    vit_instance_close(&instance);
}

int main(void)
{
#define WITH_STEPS(test) cmocka_unit_test_setup_teardown(test, open_steps, close_steps)
    const struct CMUnitTest tests[] = {
        WITH_STEPS(test_cache_sim_three_levels),
        WITH_STEPS(test_cache_sim_two_levels_have_no_l2_apart),
        WITH_STEPS(test_cache_sim_one_level_is_the_last),
        WITH_STEPS(test_cache_sim_levels_go_by_their_numbers),
        WITH_STEPS(test_cache_sim_step_without_stream_breaks_the_chain),
        WITH_STEPS(test_cache_sim_is_absent_without_any_stream),
        WITH_STEPS(test_cache_sim_takes_the_machines_caches),
        WITH_STEPS(test_cache_sim_wrong_caches_are_the_callers_error),
        WITH_STEPS(test_cache_sim_tells_how_far_it_is),
        WITH_STEPS(test_cache_sim_respects_a_limit_of_time),
        cmocka_unit_test(test_cache_sim_fetches_compulsory_bytes_at_least),
        cmocka_unit_test(test_cache_sim_names_openblas),
    };
    return cmocka_run_group_tests_name("probes_cache_sim", tests, NULL, NULL);
}
