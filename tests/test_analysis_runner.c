/* SPDX-License-Identifier: MIT */
/* The runner: how many runs, what is filled, and that the operators' times make up the run. */
#include "analysis/runner.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void open_instance(struct vit_instance *instance)
{
    struct vit_instance_options options = {.model = {.batch = 4}, .threads = 1, .seed = 1};
    assert_ok(vit_instance_open(instance, "deit_nano", &options));
}

static void test_protocols_are_found_by_name(void **state)
{
    (void)state;
    assert_close(vit_protocol_find("paper")->warmup_s, 10, 0);
    assert_close(vit_protocol_find("paper")->min_time_s, 60, 0);
    assert_non_null(vit_protocol_find("quick"));
    assert_null(vit_protocol_find("slow"));
    assert_non_null(strstr(vit_error(), "slow: there are quick and paper"));
    assert_null(vit_protocol_find(""));
}

static void test_runner_times_at_least_so_many_runs(void **state)
{
    (void)state;
    struct vit_instance instance;
    open_instance(&instance);
    double *times;
    int n;
    assert_ok(vit_runner_time(&instance, &(struct vit_protocol){.repeat = 7}, &times, &n));
    assert_int_equal(n, 7);
    for (int i = 0; i < n; i++)
        assert_true(times[i] > 0 && times[i] < 10e9);
    free(times);
    vit_instance_close(&instance);
}

static void test_runner_times_for_at_least_so_long(void **state)
{
    (void)state;
    struct vit_instance instance;
    open_instance(&instance);
    double *times, sum = 0;
    int n;
    assert_ok(vit_runner_time(&instance, &(struct vit_protocol){.repeat = 1, .min_time_s = 0.05}, &times, &n));
    for (int i = 0; i < n; i++)
        sum += times[i];
    /* A first run much slower than the others may exhaust the room for times a little early. */
    assert_true(sum > 0.5 * 0.05e9);
    free(times);
    vit_instance_close(&instance);
}

static void test_runner_measures_every_step_in_every_repeat(void **state)
{
    (void)state;
    static const char *const probe[] = {"wall_time", "traffic"};
    struct vit_instance instance;
    struct vit_session session;
    struct vit_measurement m;
    open_instance(&instance);
    assert_ok(vit_session_open(&session, &instance.plan, probe, 2));
    assert_ok(vit_runner_measure(&m, &instance, &session, &(struct vit_protocol){.repeat = 5}));
    assert_int_equal(m.n_repeat, 5);
    assert_int_equal(m.n_step, instance.plan.n_step);
    assert_int_equal(m.n_column, vit_session_schema(&session)->n_columns);
    double share[5];
    for (int r = 0; r < 5; r++) {
        double sum = 0;
        assert_true(m.plain_ns[r] > 0);
        assert_true(m.instrumented_ns[r] > 0);
        for (int s = 0; s < m.n_step; s++) {
            const struct vit_cell *cell = vit_measurement_cells(&m, r, s);
            for (int c = 0; c < m.n_column; c++)
                assert_true(cell[c].present);
            assert_true(cell[0].i >= 0);
            sum += (double)cell[0].i;
        }
        share[r] = sum / m.instrumented_ns[r];
        assert_true(share[r] > 0 && share[r] < 1.01); /* the operators are part of the run */
    }
    assert_true(vit_stats_median(share, 5) > 0.5); /* and most of it */
    vit_measurement_close(&m);
    vit_session_close(&session);
    vit_instance_close(&instance);
}

static void test_runner_leaves_the_outputs_of_a_plain_run(void **state)
{
    (void)state;
    static const char *const probe[] = {"wall_time"};
    struct vit_instance instance;
    struct vit_session session;
    struct vit_measurement m;
    open_instance(&instance);
    vit_exec_run(&instance.exec);
    vit_real before[40];
    memcpy(before, instance.graph.logits->data, sizeof before);
    assert_ok(vit_session_open(&session, &instance.plan, probe, 1));
    assert_ok(vit_runner_measure(&m, &instance, &session, &(struct vit_protocol){.repeat = 2}));
    assert_memory_equal(before, instance.graph.logits->data, sizeof before);
    assert_int_equal(instance.exec.n_observer, 0);
    vit_measurement_close(&m);
    vit_session_close(&session);
    vit_instance_close(&instance);
}

static void test_measurement_medians_need_every_repeat(void **state)
{
    (void)state;
    static const char *const probe[] = {"wall_time"};
    struct vit_instance instance;
    struct vit_session session;
    struct vit_measurement m;
    open_instance(&instance);
    assert_ok(vit_session_open(&session, &instance.plan, probe, 1));
    assert_ok(vit_runner_measure(&m, &instance, &session, &(struct vit_protocol){.repeat = 3}));
    for (int r = 0; r < 3; r++)
        m.cell[r * m.n_step * m.n_column] = vit_int(10 * (3 - r));
    assert_close(vit_measurement_median(&m, 0, 0).r, 20, 0);
    m.cell[0] = vit_absent();
    assert_false(vit_measurement_median(&m, 0, 0).present);
    vit_measurement_close(&m);
    vit_session_close(&session);
    vit_instance_close(&instance);
}

static void test_instance_refuses_more_memory_than_there_is(void **state)
{
    (void)state;
    struct vit_instance instance;
    struct vit_instance_options options = {.model = {.batch = 4096, .img = 4096}};
    assert_fails(vit_instance_open(&instance, "deit_base", &options), VIT_ENOMEM, "deit_base with batch 4096 needs ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocols_are_found_by_name),
        cmocka_unit_test(test_runner_times_at_least_so_many_runs),
        cmocka_unit_test(test_runner_times_for_at_least_so_long),
        cmocka_unit_test(test_runner_measures_every_step_in_every_repeat),
        cmocka_unit_test(test_runner_leaves_the_outputs_of_a_plain_run),
        cmocka_unit_test(test_measurement_medians_need_every_repeat),
        cmocka_unit_test(test_instance_refuses_more_memory_than_there_is),
    };
    return cmocka_run_group_tests_name("analysis_runner", tests, NULL, NULL);
}
