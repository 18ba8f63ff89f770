/* SPDX-License-Identifier: MIT */
/* Sessions: replays, absent probes, and the numbers of wall_time, traffic and memory on a plan counted by hand. */
#include "tests/support/test.h"

#include "model/base/clock.h"
#include "probes/session.h"
#include "tests/support/probe_plan.h"

#include <stdio.h>

enum { R = sizeof(vit_real) };

/* A probe of the test's own: samples the step's index + 10 and counts what is called. */
static struct {
    int begun, ended, started, stopped, closed;
    int last_step;
    bool in_order;
} seen;

static const struct vit_column own_column[] = {{"own_value", VIT_INT, "", "index + 10"}};

static void own_begin(void *self, const struct vit_step *step)
{
    (void)self;
    (void)step;
    seen.begun++;
}

static void own_end(void *self, const struct vit_step *step)
{
    seen.ended++;
    seen.in_order = seen.in_order && step->index == seen.last_step + 1;
    seen.last_step = step->index;
    *vit_probe_row(self, step->index) = step->index + 10;
}

static void own_read(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    int64_t value = *vit_probe_row(probe, step);
    cell[0] = value == VIT_NO_SAMPLE ? vit_absent() : vit_int(value);
}

static int own_start(struct vit_probe *probe, int replay, struct vit_parallel *pool)
{
    (void)probe;
    (void)replay;
    (void)pool;
    seen.started++;
    return VIT_OK;
}

static int start_fails(struct vit_probe *probe, int replay, struct vit_parallel *pool)
{
    (void)probe;
    (void)replay;
    (void)pool;
    return vit_fail(VIT_ENOTSUP, "own: the device is in use");
}

static void own_stop(struct vit_probe *probe)
{
    (void)probe;
    seen.stopped++;
}

static void own_close(struct vit_probe *probe)
{
    (void)probe;
    seen.closed++;
}

static int open_fails(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    (void)probe;
    (void)argument;
    (void)plan;
    return vit_fail(VIT_ENOTSUP, "own: there is no such device");
}

static int open_three_replays(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    (void)argument;
    (void)plan;
    probe->replays = 3;
    return VIT_OK;
}

static const struct vit_probe_def own_def = {.name = "own",
                                             .n_columns = 1,
                                             .column = own_column,
                                             .start = own_start,
                                             .stop = own_stop,
                                             .begin = own_begin,
                                             .end = own_end,
                                             .read = own_read,
                                             .close = own_close};

static int open_small(void **state)
{
    static struct probe_plan p;
    memset(&seen, 0, sizeof seen);
    probe_plan_open(&p, 2, 4, 1);
    *state = &p;
    return 0;
}

static int close_plan(void **state)
{
    probe_plan_close(*state);
    return 0;
}

static void test_session_unknown_probe_lists_the_known(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    const char *const names[] = {"traffic", "wall_tme"};
    assert_fails(vit_session_open(&session, &p->plan, names, 2), VIT_EINVAL,
                 "unknown probe \"wall_tme\"; there are: wall_time, traffic, memory, ");
}

static void test_session_refuses_repeats_and_arguments(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_fails(vit_session_open(&session, &p->plan, (const char *const[]){"memory", "memory"}, 2), VIT_EINVAL,
                 "memory: given twice");
    assert_fails(vit_session_open(&session, &p->plan, (const char *const[]){"traffic=all"}, 1), VIT_EINVAL,
                 "takes no argument, got \"all\"");
}

static void test_session_schema_follows_the_names(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"memory", "wall_time"}, 2));
    const struct vit_schema *schema = vit_session_schema(&session);
    assert_int_equal(schema->n_columns, 3);
    assert_string_equal(schema->column[0].name, "live_bytes");
    assert_string_equal(schema->column[2].name, "time_ns");
    int own = -1;
    assert_string_equal(vit_session_probe_of(&session, 2, &own)->def->name, "wall_time");
    assert_int_equal(own, 0);
    vit_session_close(&session);
}

static void test_session_hooks_see_every_step_once_in_order(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, NULL, 0));
    assert_ok(vit_session_add(&session, &own_def, NULL));
    assert_ok(vit_session_attach(&session, &p->exec, 0));
    seen.begun = seen.ended = 0; /* attaching measured empty pairs */
    seen.last_step = -1;
    seen.in_order = true;
    vit_exec_run(&p->exec);
    vit_session_detach(&session);
    assert_int_equal(seen.begun, PROBE_PLAN_STEPS);
    assert_int_equal(seen.ended, PROBE_PLAN_STEPS);
    assert_true(seen.in_order);
    assert_int_equal(p->exec.n_observer, 0);
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        struct vit_cell cell;
        vit_session_read(&session, i, &cell);
        assert_true(cell.present);
        assert_int_equal(cell.i, i + 10);
    }
    assert_close(session.probe[0].null_sample[0], PROBE_PLAN_STEPS + 10, 0); /* the row of empty pairs */
    vit_session_close(&session);
    assert_int_equal(seen.started, 1);
    assert_int_equal(seen.stopped, 1);
    assert_int_equal(seen.closed, 1);
}

static void test_session_replays_intrusive_last(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    static const struct vit_column columns[] = {{"i", VIT_INT, "", ""}, {"c", VIT_INT, "", ""}};
    struct vit_probe_def intrusive = own_def, counters = own_def;
    intrusive.flags = VIT_PROBE_INTRUSIVE;
    intrusive.column = &columns[0];
    counters.flags = VIT_PROBE_COUNTERS;
    counters.column = &columns[1];
    counters.open = open_three_replays;
    assert_ok(vit_session_open(&session, &p->plan, NULL, 0));
    assert_ok(vit_session_add(&session, &intrusive, NULL));
    assert_ok(vit_session_add(&session, &counters, NULL));
    assert_ok(vit_session_add(&session, vit_probe_find("traffic"), NULL));
    assert_ok(vit_session_add(&session, vit_probe_find("wall_time"), NULL));
    static const struct vit_replay want[] = {{3, 0}, {1, 0}, {1, 1}, {1, 2}, {0, 0}};
    assert_int_equal(session.n_replay, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(session.replay[i].probe, want[i].probe);
        assert_int_equal(session.replay[i].part, want[i].part);
    }
    vit_session_close(&session);
}

static void test_session_probe_that_cannot_open_is_absent(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    struct vit_probe_def failing = own_def;
    failing.open = open_fails;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"wall_time"}, 1));
    assert_ok(vit_session_add(&session, &failing, NULL));
    assert_int_equal(session.n_replay, 1);
    vit_session_run(&session, &p->exec);
    struct vit_cell cell[2];
    vit_session_read(&session, 1, cell);
    assert_true(cell[0].present);
    assert_null(vit_session_reason(&session, 0));
    assert_false(cell[1].present);
    assert_string_equal(vit_session_reason(&session, 1), "own: there is no such device");
    vit_session_close(&session);
    assert_int_equal(seen.closed, 0);
}

static void test_session_probe_that_cannot_start_becomes_absent(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    struct vit_probe_def failing = own_def;
    failing.start = start_fails;
    assert_ok(vit_session_open(&session, &p->plan, NULL, 0));
    assert_ok(vit_session_add(&session, &failing, NULL));
    assert_ok(vit_session_add(&session, vit_probe_find("wall_time"), NULL));
    assert_fails(vit_session_attach(&session, &p->exec, 0), VIT_ENOTSUP, "the device is in use");
    assert_int_equal(p->exec.n_observer, 0);
    assert_fails(vit_session_attach(&session, &p->exec, 0), VIT_ENOTSUP, "the device is in use");
    vit_session_run(&session, &p->exec);
    struct vit_cell cell[2];
    vit_session_read(&session, 0, cell);
    assert_false(cell[0].present);
    assert_string_equal(vit_session_reason(&session, 0), "own: the device is in use");
    assert_true(cell[1].present);
    vit_session_close(&session);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.stopped, 0);
}

static void test_session_cells_are_absent_before_their_replay(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"wall_time", "memory"}, 2));
    struct vit_cell cell[3];
    vit_session_read(&session, 0, cell);
    assert_false(cell[0].present);
    assert_string_equal(vit_session_reason(&session, 0), "its replay was not run");
    assert_true(cell[1].present); /* static: known without a run */
    vit_session_close(&session);
}

static void test_session_refuses_another_plan(void **state)
{
    struct probe_plan *p = *state, other;
    struct vit_session session;
    probe_plan_open(&other, 1, 4, 1);
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"wall_time"}, 1));
    assert_fails(vit_session_attach(&session, &other.exec, 0), VIT_EINVAL, "opened for another plan");
    vit_session_close(&session);
    probe_plan_close(&other);
}

static void test_traffic_equals_the_count_by_hand(void **state)
{
    struct probe_plan *p = *state;
    enum { N = 2 * 3 * 4 * 4 };
    /* per step: macs, flops, weights, activations in, out (elements) */
    static const int64_t want[PROBE_PLAN_STEPS][5] = {
        {0, N, 0, N, N}, {0, N, 3, N, N}, {0, N, 0, N, N}, {0, N, 0, 2 * N, N}};
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"traffic"}, 1));
    assert_int_equal(session.n_replay, 0);
    int64_t total = 0;
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        struct vit_cell cell[7];
        vit_session_read(&session, i, cell);
        for (int c = 0; c < 5; c++)
            assert_int_equal(cell[c].i, want[i][c] * (c < 2 ? 1 : R));
        int64_t bytes = (want[i][2] + want[i][3] + want[i][4]) * R;
        assert_int_equal(cell[5].i, bytes);
        assert_close(cell[6].r, (double)N / (double)bytes, 1e-15); /* one division */
        total += bytes;
    }
    struct vit_cost sum = vit_plan_cost(&p->plan);
    assert_int_equal(total, vit_cost_bytes(&sum));
    vit_session_close(&session);
}

static void test_memory_equals_the_plan(void **state)
{
    struct probe_plan *p = *state;
    enum { BYTES = 2 * 3 * 4 * 4 * R };
    static const int64_t want[PROBE_PLAN_STEPS] = {BYTES, 2 * BYTES, 2 * BYTES,
                                                   2 * BYTES}; /* x is input, not counted */
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"memory"}, 1));
    int64_t most = 0;
    for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
        struct vit_cell cell[2];
        vit_session_read(&session, i, cell);
        assert_int_equal(cell[0].i, want[i]);
        assert_int_equal(cell[1].i, (int64_t)p->plan.step[i].workspace_bytes);
        most = cell[0].i > most ? cell[0].i : most;
    }
    assert_int_equal(most, (int64_t)p->plan.peak_live_bytes);
    vit_session_close(&session);
}

static void test_wall_time_of_the_steps_sums_to_the_run(void **state)
{
    (void)state;
    struct probe_plan p;
    struct vit_session session;
    probe_plan_open(&p, 4, 256, 1); /* 3 MiB per tensor: steps far longer than a pair of hooks */
    assert_ok(vit_session_open(&session, &p.plan, (const char *const[]){"wall_time"}, 1));
    assert_ok(vit_session_attach(&session, &p.exec, 0));
    double best = 0;
    for (int run = 0; run < 50 && best < 0.98; run++) {
        int64_t begin = vit_clock_ns(), sum = 0;
        vit_exec_run(&p.exec);
        int64_t whole = vit_clock_ns() - begin;
        for (int i = 0; i < PROBE_PLAN_STEPS; i++) {
            struct vit_cell cell;
            vit_session_read(&session, i, &cell);
            assert_true(cell.present && cell.i > 0);
            sum += cell.i;
        }
        assert_true(sum <= whole);
        best = fmax(best, (double)sum / (double)whole);
    }
    assert_true(best >= 0.98); /* the loop and the hooks of four steps: under a microsecond of some hundred */
    vit_session_detach(&session);
    vit_session_close(&session);
    probe_plan_close(&p);
}

static void test_wall_time_empty_pair_is_measured(void **state)
{
    struct probe_plan *p = *state;
    struct vit_session session;
    assert_ok(vit_session_open(&session, &p->plan, (const char *const[]){"wall_time"}, 1));
    assert_true(session.probe[0].pair_ns == 0);
    vit_session_run(&session, &p->exec);
    double pair_ns = session.probe[0].pair_ns, null_ns = session.probe[0].null_sample[0];
    assert_true(pair_ns > 0 && pair_ns < 20000); /* two clock reads: 40 ns; a system call each and a sanitizer: 2000 */
    assert_true(null_ns >= 0 && null_ns <= pair_ns + 1);
    vit_session_close(&session);
}

int main(void)
{
#define WITH_PLAN(test) cmocka_unit_test_setup_teardown(test, open_small, close_plan)
    const struct CMUnitTest tests[] = {
        WITH_PLAN(test_session_unknown_probe_lists_the_known),
        WITH_PLAN(test_session_refuses_repeats_and_arguments),
        WITH_PLAN(test_session_schema_follows_the_names),
        WITH_PLAN(test_session_hooks_see_every_step_once_in_order),
        WITH_PLAN(test_session_replays_intrusive_last),
        WITH_PLAN(test_session_probe_that_cannot_open_is_absent),
        WITH_PLAN(test_session_probe_that_cannot_start_becomes_absent),
        WITH_PLAN(test_session_cells_are_absent_before_their_replay),
        WITH_PLAN(test_session_refuses_another_plan),
        WITH_PLAN(test_traffic_equals_the_count_by_hand),
        WITH_PLAN(test_memory_equals_the_plan),
        cmocka_unit_test(test_wall_time_of_the_steps_sums_to_the_run),
        WITH_PLAN(test_wall_time_empty_pair_is_measured),
    };
    return cmocka_run_group_tests_name("probes_session", tests, NULL, NULL);
}
