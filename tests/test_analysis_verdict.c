/* SPDX-License-Identifier: MIT */
/* The two views of what bounds an operator, on a machine made of round numbers. */
#include "analysis/profile_traffic.h"
#include "analysis/verdict.h"
#include "tests/support/test.h"

/* 100 GFLOP/s, L2 200, L3 100, DRAM 10 GB/s: a ridge point of 10 FLOP/B. */
static struct vit_machine machine = {
    .single = {.threads = 1,
               .gflops = 100,
               .read_gbs = 10,
               .roof = {{.level = "L1", .load_gbs = 400, .most_gbs = 400},
                        {.level = "L2", .load_gbs = 200, .most_gbs = 200},
                        {.level = "L3", .load_gbs = 100, .most_gbs = 100},
                        {.level = "DRAM", .load_gbs = 10, .most_gbs = 10}},
               .n_roof = 4},
};

enum { L1_FILL, L2_FILL, LLC_FILL, LLC_WB, MEASURED, N_BYTES };

static struct vit_profile profile_of(void)
{
    struct vit_profile p = {.machine = &machine};
    static const char *const name[N_BYTES] = {"sim_chained_l1_fill_bytes", "sim_chained_l2_fill_bytes",
                                              "sim_chained_llc_fill_bytes", "sim_chained_llc_wb_bytes",
                                              "measured_dram_read_bytes"};
    p.instance.plan.threads = 1;
    for (int i = 0; i < N_BYTES; i++)
        p.traffic.column[i].name = name[i];
    p.traffic.n = N_BYTES;
    return p;
}

/* 1000 ns; bytes as simulated, none measured. */
static struct vit_verdict judge(const struct vit_profile *p, int64_t flops, int64_t compulsory, const double bytes[4])
{
    struct vit_cell cell[VIT_MAX_TRAFFIC] = {{0}};
    for (int i = 0; bytes && i < 4; i++)
        cell[i] = vit_real_cell(bytes[i]);
    return vit_verdict_of(p, &(struct vit_cost){.flops = flops, .write_bytes = compulsory}, 1000, cell);
}

static void test_verdict_compute_near_the_peak(void **state)
{
    (void)state;
    struct vit_profile p = profile_of();
    struct vit_verdict v = judge(&p, 80000, 4000, (double[]){4000, 0, 0, 0}); /* 20 FLOP/B */
    assert_string_equal(v.by_intensity, "compute");
    assert_string_equal(v.by_ceilings, "compute");
    assert_string_equal(v.ceiling, "peak");
    assert_float_equal(v.ceiling_pct, 80, 1e-9);
    assert_float_equal(v.peak_pct.r, 80, 1e-9);
    assert_string_equal(v.bytes_from, "simulated");
}

/* Left of the ridge point, yet its bytes came from the L2: the views differ, and both are told. */
static void test_verdict_names_the_level_that_delivered(void **state)
{
    (void)state;
    struct vit_profile p = profile_of();
    struct vit_verdict v = judge(&p, 10000, 100000, (double[]){120000, 2000, 0, 0});
    assert_string_equal(v.by_intensity, "memory");
    assert_string_equal(v.by_ceilings, "memory");
    assert_string_equal(v.ceiling, "L2"); /* 120000 B / 200 GB/s = 600 ns; L3 20 ns; arithmetic 100 ns */
    assert_float_equal(v.ceiling_pct, 60, 1e-9);
    assert_float_equal(v.dram_pct.r, 0, 0);
    assert_string_equal(v.above_roof, "DRAM"); /* 100 GB/s is what the L3 gives, and ten times the DRAM */
}

static void test_verdict_dram_takes_fills_and_write_backs(void **state)
{
    (void)state;
    struct vit_profile p = profile_of();
    struct vit_verdict v = judge(&p, 1000, 9000, (double[]){9000, 9000, 5000, 4000});
    assert_string_equal(v.ceiling, "DRAM"); /* 9000 B / 10 GB/s = 900 ns */
    assert_float_equal(v.dram_pct.r, 90, 1e-9);
    assert_string_equal(v.by_ceilings, "memory");
}

static void test_verdict_overhead_where_no_ceiling_explains_the_time(void **state)
{
    (void)state;
    struct vit_profile p = profile_of();
    struct vit_verdict v = judge(&p, 20000, 1000, (double[]){1000, 1000, 1000, 0}); /* 20 % of peak, 10 % of DRAM */
    assert_string_equal(v.by_intensity, "compute");
    assert_string_equal(v.by_ceilings, "overhead");
    assert_float_equal(v.ceiling_pct, 20, 1e-9);
}

/* Measured bytes come first, then simulated ones of this machine's caches, then compulsory ones; never mixed. */
static void test_verdict_takes_bytes_of_one_source(void **state)
{
    (void)state;
    struct vit_profile p = profile_of();
    struct vit_cell cell[VIT_MAX_TRAFFIC] = {{0}};
    for (int i = 0; i < 4; i++)
        cell[i] = vit_real_cell(9000);
    cell[MEASURED] = vit_real_cell(5000);
    struct vit_cost cost = {.flops = 1000, .write_bytes = 3000};
    struct vit_verdict v = vit_verdict_of(&p, &cost, 1000, cell);
    assert_string_equal(v.bytes_from, "measured");
    assert_float_equal(v.dram_pct.r, 50, 1e-9);
    cell[MEASURED] = vit_absent();
    p.other_caches = true;
    v = vit_verdict_of(&p, &cost, 1000, cell);
    assert_string_equal(v.bytes_from, "analytic");
    assert_float_equal(v.dram_pct.r, 30, 1e-9);
}

static void test_verdict_without_ceilings_or_time_is_silent(void **state)
{
    (void)state;
    struct vit_machine unknown = {.single = {.threads = 1}};
    struct vit_profile p = profile_of();
    struct vit_cell cell[VIT_MAX_TRAFFIC] = {{0}};
    struct vit_cost cost = {.flops = 1000, .write_bytes = 1000};
    struct vit_verdict v = vit_verdict_of(&p, &cost, 0, cell);
    assert_string_equal(v.by_intensity, "memory");
    assert_null(v.by_ceilings);
    assert_null(v.ceiling);
    p.machine = &unknown;
    v = vit_verdict_of(&p, &cost, 1000, cell);
    assert_null(v.by_intensity);
    assert_null(v.by_ceilings);
    assert_false(v.peak_pct.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_compute_near_the_peak),
        cmocka_unit_test(test_verdict_names_the_level_that_delivered),
        cmocka_unit_test(test_verdict_dram_takes_fills_and_write_backs),
        cmocka_unit_test(test_verdict_overhead_where_no_ceiling_explains_the_time),
        cmocka_unit_test(test_verdict_takes_bytes_of_one_source),
        cmocka_unit_test(test_verdict_without_ceilings_or_time_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
