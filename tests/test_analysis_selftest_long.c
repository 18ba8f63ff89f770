/* SPDX-License-Identifier: MIT */
/* `vitscope selftest`: the analytic, simulated and footprint sources agree with operators of known traffic, counters
 * that are absent say why, and what a kernel must move is what a hand counts. */
#include "analysis/selftest.h"
#include "analysis/selftest_kernels.h"
#include "reports/csv_read.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

static struct vit_known_traffic known_of(const char *name, int64_t bytes, struct vit_graph *graph)
{
    struct vit_plan plan;
    *graph = (struct vit_graph){.name = name, .batch = 1};
    for (int i = 0; i < vit_n_selftest_kernels; i++)
        if (strcmp(vit_selftest_kernels[i].name, name) == 0)
            vit_selftest_kernels[i].build(graph, bytes);
    assert_int_equal(graph->n_op, 1);
    assert_ok(vit_plan_build(&plan, graph, (struct vit_plan_options){.threads = 1}));
    struct vit_known_traffic known = vit_known_traffic_of(&plan.step[0], 4096);
    vit_plan_close(&plan);
    vit_graph_close(graph);
    return known;
}

/* 6 MiB: a copy of 3 MiB fetches both sides and writes one back; a triad of 2 MiB fetches three. */
static void test_selftest_known_traffic_is_counted_by_hand(void **state)
{
    (void)state;
    struct vit_graph graph;
    const int64_t mib = 1 << 20;
    struct vit_known_traffic copy = known_of("copy", 6 * mib, &graph);
    assert_int_equal(copy.read, 3 * mib);
    assert_int_equal(copy.written, 3 * mib);
    assert_int_equal(copy.fill, 6 * mib);
    assert_int_equal(copy.wb, 3 * mib);
    assert_int_equal(copy.pages, 6 * mib);
    struct vit_known_traffic triad = known_of("triad", 6 * mib, &graph);
    assert_int_equal(triad.read, 4 * mib);
    assert_int_equal(triad.fill, 6 * mib);
    assert_int_equal(triad.wb, 2 * mib);
    struct vit_known_traffic dot = known_of("dot", 6 * mib, &graph);
    assert_int_equal(dot.read, 6 * mib + 1024 * (int64_t)sizeof(vit_real)); /* the matrix and the vector */
    assert_int_equal(dot.written, 6 * mib / 1024);                          /* an element of each row of 1024 */
}

static struct vit_csv *run_selftest(void)
{
    static struct program_run run;
    struct vit_csv *csv;
    program_start(&run, "selftest --out %s/st", program_folder);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.error, "");
    assert_ok(vit_csv_open(&csv, program_path("st/selftest.csv")));
    return csv;
}

static void test_selftest_sources_agree_or_say_why_not(void **state)
{
    (void)state;
    struct vit_csv *csv = run_selftest();
    int tier, result, error, about, simulated = 0;
    assert_ok(vit_csv_find(csv, "tier", &tier));
    assert_ok(vit_csv_find(csv, "result", &result));
    assert_ok(vit_csv_find(csv, "error_pct", &error));
    assert_ok(vit_csv_find(csv, "about", &about));
    for (int64_t row = 0; row < vit_csv_rows(csv); row++) {
        struct vit_cell cell;
        bool measured = strcmp(vit_csv_text(csv, row, tier), "measured") == 0;
        simulated += strcmp(vit_csv_text(csv, row, tier), "simulated") == 0;
        assert_true(strlen(vit_csv_text(csv, row, about)) > 5);
        if (strcmp(vit_csv_text(csv, row, result), "absent") == 0) {
            assert_true(measured || strcmp(vit_csv_text(csv, row, tier), "footprint") == 0);
            continue;
        }
        assert_ok(vit_csv_real(csv, row, error, &cell));
        /* Models and formulas know these kernels exactly, but for buffers that are not filled to the end. */
        assert_true(fabs(cell.r) <= (measured ? VIT_SELFTEST_PCT : 0.5));
    }
    assert_true(simulated >= 8); /* fills and write-backs of four kernels at least */
    vit_csv_close(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selftest_known_traffic_is_counted_by_hand),
        cmocka_unit_test(test_selftest_sources_agree_or_say_why_not),
    };
    return cmocka_run_group_tests(tests, program_make_folder, program_remove_folder);
}
