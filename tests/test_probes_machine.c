/* SPDX-License-Identifier: MIT */
/* The machine: what must be known everywhere, and ceilings that are in the realm of the possible. */
#include "tests/support/test.h"

#include "model/kernel_set.h"
#include "probes/machine.h"

#include <unistd.h>

static void test_machine_read_finds_processor_and_memory(void **state)
{
    (void)state;
    struct vit_machine m;
    assert_ok(vit_machine_read(&m));
    assert_true(m.logical >= m.cores && m.cores >= 1);
    assert_true(m.logical <= sysconf(_SC_NPROCESSORS_CONF));
    assert_true(m.memory_bytes > (int64_t)64 << 20);
    assert_true(strncmp(m.kernel, "Linux ", 6) == 0);
    assert_non_null(strstr(m.source, "hwloc"));
    for (int i = 0; i < m.n_cache; i++) {
        assert_in_range(m.cache[i].level, 1, 5);
        assert_true(m.cache[i].bytes > 0 && m.cache[i].shared_by >= 1);
        assert_true(m.cache[i].type == 'i' || m.cache[i].bytes <= vit_machine_last_cache(&m));
    }
}

static void test_machine_flags_are_whole_words(void **state)
{
    (void)state;
    struct vit_machine m;
    assert_ok(vit_machine_read(&m));
    if (strstr(m.flags, "avx2"))
        assert_non_null(strstr(m.flags, "avx ")); /* every processor with AVX2 has AVX, listed before it */
    assert_null(strstr(m.flags, "  "));
}

static void test_machine_ceilings_are_measured(void **state)
{
    (void)state;
    struct vit_machine m;
    assert_ok(vit_machine_read(&m));
    assert_true(vit_ridge_point(&m.single) == 0);
    assert_ok(vit_machine_measure(&m, 2));
    const struct vit_ceilings *const both[] = {&m.single, &m.all};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i]->threads, i + 1);
        /* a core of 2005 does 1 GFLOP/s and 1 GB/s, a hundredth of it under valgrind on a busy machine; no two cores
         * reach 2000 of either */
        assert_true(both[i]->gflops_fma > 0.001 && both[i]->gflops_fma < 2000);
        assert_true(both[i]->gflops_gemm > 0.001 && both[i]->gflops_gemm < 2000);
        assert_true(both[i]->gflops >= both[i]->gflops_fma && both[i]->gflops >= both[i]->gflops_gemm);
        assert_true(both[i]->read_gbs > 0.001 && both[i]->read_gbs < 2000);
        assert_true(both[i]->triad_gbs > 0.001 && both[i]->triad_gbs < 2000);
        assert_close(vit_ridge_point(both[i]), both[i]->gflops / both[i]->read_gbs, 1e-12);
        assert_non_null(strstr(both[i]->source, i ? "2 threads; read of" : "1 thread; read of"));
        assert_true(strlen(both[i]->source) <= 48); /* fits under a figure */
        assert_non_null(strstr(both[i]->method, VIT_REAL_NAME));
    }
}

/* Halves and ones: exact whether or not multiply and add are fused. */
static void test_machine_fma_peak_does_the_flops_it_tells(void **state)
{
    (void)state;
    enum { ROUNDS = 5 };
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        vit_real x[VIT_FMA_ROOM];
        int64_t flops = -1;
        for (int i = 0; i < VIT_FMA_ROOM; i++)
            x[i] = (vit_real)(i + 3); /* a round changes all but 2 */
        (*set)->fma_peak(x, &flops, (vit_real)0.5, 1, ROUNDS);
        assert_true(flops > 0 && flops <= 2 * VIT_FMA_ROOM * ROUNDS);
        for (int i = 0; i < VIT_FMA_ROOM; i++) {
            double want = i + 3;
            for (int r = 0; r < ROUNDS && i < flops / (2 * ROUNDS); r++)
                want = want * 0.5 + 1;
            if ((double)x[i] != want)
                fail_msg("set %s: value %d is %g, expected %g", (*set)->isa, i, (double)x[i], want);
        }
    }
}

static void test_machine_measure_refuses_no_threads(void **state)
{
    (void)state;
    struct vit_machine m = {0};
    assert_fails(vit_machine_measure(&m, 0), VIT_EINVAL, "threads: 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_read_finds_processor_and_memory),
        cmocka_unit_test(test_machine_flags_are_whole_words),
        cmocka_unit_test(test_machine_ceilings_are_measured),
        cmocka_unit_test(test_machine_fma_peak_does_the_flops_it_tells),
        cmocka_unit_test(test_machine_measure_refuses_no_threads),
    };
    return cmocka_run_group_tests_name("probes_machine", tests, NULL, NULL);
}
