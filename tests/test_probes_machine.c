/* SPDX-License-Identifier: MIT */
/* The machine: what must be known everywhere, kernels that move what they say, and ceilings in the realm of the
 * possible. */
#include "tests/support/test.h"

#include "model/kernel_set.h"
#include "probes/machine_bandwidth.h"

#include <stdlib.h>
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
    if (access("/sys/bus/event_source/devices/software", F_OK) == 0)
        assert_non_null(strstr(m.pmus, "software"));
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
        assert_non_null(strstr(both[i]->source, i ? "2 threads; load of" : "1 thread; load of"));
        assert_true(strlen(both[i]->source) <= 48); /* fits under a figure */
        assert_non_null(strstr(both[i]->method, VIT_REAL_NAME));
        assert_int_equal(both[i]->n_roof, 1);
        assert_string_equal(both[i]->roof[0].level, "DRAM");
        assert_true(both[i]->roof[0].load_gbs == both[i]->read_gbs);
        assert_true(both[i]->roof[0].most_gbs >= both[i]->read_gbs && both[i]->roof[0].most_gbs >= both[i]->triad_gbs);
        assert_string_equal(both[i]->kept, "");
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

enum { MOST = 700, GUARD = 16, ROOM = MOST + 2 * GUARD };

/* Small whole numbers: b odd and even, c even, so that b + c / 2 and all sums are exact in either number type. */
static void fill(vit_real *a, vit_real *b, vit_real *c)
{
    for (int i = 0; i < ROOM; i++) {
        a[i] = -1;
        b[i] = (vit_real)(i % 23);
        c[i] = (vit_real)(2 * (i % 7));
    }
}

struct moved {
    const char *kernel, *isa;
    int n, offset;
};

/* a[GUARD + offset ...] holds n results, and nothing around them was touched. */
static void check_moved(const struct moved *m, const vit_real *a, const vit_real *b, const vit_real *c)
{
    for (int i = 0; i < ROOM; i++) {
        int at = i - GUARD - m->offset;
        double want = -1;
        if (at >= 0 && at < m->n)
            want = strstr(m->kernel, "store")  ? (double)b[0]
                   : strstr(m->kernel, "copy") ? (double)b[at]
                                               : (double)b[at] + (double)c[at] / 2;
        if ((double)a[i] != want)
            fail_msg("%s of set %s, n %d, offset %d: value %d is %g, expected %g", m->kernel, m->isa, m->n, m->offset,
                     at, (double)a[i], want);
    }
}

typedef void (*transfer_kernel)(vit_real *a, const vit_real *b, const vit_real *c, int64_t n, int64_t rounds);

/* Lengths around whole vectors and whole turns of the loop, and arrays that begin anywhere in a line. */
static const int lengths[] = {1, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 300, MOST - 3};

static void test_machine_bandwidth_kernels_move_what_they_say(void **state)
{
    (void)state;
    vit_real *a = aligned_alloc(64, 64 * ROOM), *b = aligned_alloc(64, 64 * ROOM), *c = aligned_alloc(64, 64 * ROOM);
    assert_true(a && b && c);
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++) {
        const struct {
            const char *name;
            transfer_kernel kernel;
        } kernels[] = {{"store", (*set)->bandwidth_store},     {"copy", (*set)->bandwidth_copy},
                       {"triad", (*set)->bandwidth_triad},     {"store_nt", (*set)->bandwidth_store_nt},
                       {"copy_nt", (*set)->bandwidth_copy_nt}, {"triad_nt", (*set)->bandwidth_triad_nt}};
        for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++)
            for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
                for (int offset = 0; offset < 3; offset++) {
                    fill(a, b, c);
                    kernels[k].kernel(a + GUARD + offset, b + 2, c + offset, lengths[l], 2);
                    check_moved(&(struct moved){kernels[k].name, (*set)->isa, lengths[l], offset}, a, b + 2,
                                c + offset);
                }
    }
    free(a);
    free(b);
    free(c);
}

static void test_machine_bandwidth_load_sees_every_element(void **state)
{
    (void)state;
    vit_real *a = aligned_alloc(64, 64 * ROOM), *b = aligned_alloc(64, 64 * ROOM), *c = aligned_alloc(64, 64 * ROOM);
    assert_true(a && b && c);
    fill(a, b, c);
    for (const struct vit_kernel_set *const *set = vit_kernel_sets(); *set; set++)
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            double want = 5;
            vit_real sum = 5;
            for (int i = 0; i < lengths[l]; i++)
                want += 3 * (double)b[1 + i];
            (*set)->bandwidth_load(&sum, b + 1, c, lengths[l], 3);
            if ((double)sum != want)
                fail_msg("set %s, n %d: %g, expected %g", (*set)->isa, lengths[l], (double)sum, want);
        }
    free(a);
    free(b);
    free(c);
}

/* Two L3 of four processors each. */
static struct vit_machine small_machine(void)
{
    return (struct vit_machine){.logical = 8,
                                .memory_bytes = (int64_t)1 << 30,
                                .cache = {{.level = 1, .type = 'i', .bytes = 1 << 20, .shared_by = 1},
                                          {.level = 1, .type = 'd', .bytes = 4 << 10, .shared_by = 1},
                                          {.level = 2, .type = 'u', .bytes = 64 << 10, .shared_by = 1},
                                          {.level = 3, .type = 'u', .bytes = 512 << 10, .shared_by = 4}},
                                .n_cache = 4};
}

static void test_machine_levels_have_arrays_of_their_own(void **state)
{
    (void)state;
    struct vit_machine m = small_machine();
    struct vit_memory_level level[VIT_MAX_ROOFS];
    assert_int_equal(vit_memory_levels(level, &m, 1), 4);
    assert_string_equal(level[0].name, "L1");
    assert_int_equal(level[0].bytes, 2 << 10);   /* half; the instruction cache does not count */
    assert_int_equal(level[1].bytes, 32 << 10);  /* half, and eight times L1 */
    assert_int_equal(level[2].bytes, 256 << 10); /* half */
    assert_string_equal(level[3].name, "DRAM");
    assert_int_equal(level[3].bytes, 2 << 20); /* four times */
    /* Eight threads: four share each of two L3, whose 128 KiB a thread hold no more than twice L2. */
    assert_int_equal(vit_memory_levels(level, &m, 8), 4);
    assert_int_equal(level[0].bytes, 2 << 10);
    assert_int_equal(level[2].bytes, 0);
    assert_non_null(strstr(level[2].reason, "128 KiB"));
    assert_int_equal(level[3].bytes, (4 << 20) / 8); /* four times both L3, shared out */
    m.cache[3].bytes = (int64_t)1 << 40;
    assert_int_equal(vit_memory_levels(level, &m, 1), 4);
    assert_int_equal(level[3].bytes, 0); /* no array beyond it in this memory */
    assert_non_null(strstr(level[3].reason, "memory"));
    m.n_cache = 0;
    assert_int_equal(vit_memory_levels(level, &m, 1), 1);
    assert_int_equal(level[0].bytes, 128 << 20);
}

static void test_machine_bench_measures_every_transfer(void **state)
{
    (void)state;
    struct vit_bench *bench;
    assert_ok(vit_bench_open(&bench, &(struct vit_bench_options){.threads = 3, .min_time_s = 0, .bytes = 3 << 10}));
    assert_int_equal(vit_bench_threads(bench), 3);
    for (enum vit_transfer t = 0; t < VIT_TRANSFERS; t++) {
        double gbs[VIT_MAX_REPETITIONS];
        int n = vit_bench_transfer(bench, t, 3 << 10, gbs);
        assert_in_range(n, 3, VIT_MAX_REPETITIONS);
        for (int i = 0; i < n; i++) /* three cores of 128 bytes a cycle at 6 GHz stay below 2500 */
            assert_true(gbs[i] > 0 && gbs[i] < 10000);
        assert_int_equal(vit_transfer_past_caches(t), strstr(vit_transfer_name(t), "_nt") != NULL);
    }
    vit_bench_close(bench);
    assert_fails(vit_bench_open(&bench, &(struct vit_bench_options){.threads = 0}), VIT_EINVAL, "threads: 0");
    assert_null(bench);
}

static int started[3], rounds_seen;

static void note_worker(void *context, int worker, int64_t rounds)
{
    int *counts = context; /* no assertions here: they leave by longjmp, and this may be another thread */
    counts[worker]++;
    if (worker == 0)
        rounds_seen += rounds > 0;
}

static void test_machine_bench_runs_every_thread_each_time(void **state)
{
    (void)state;
    struct vit_bench *bench;
    double seconds[VIT_MAX_REPETITIONS];
    assert_ok(vit_bench_open(&bench, &(struct vit_bench_options){.threads = 3, .min_time_s = 0, .bytes = 64}));
    int n = vit_bench_repeat(bench, note_worker, started, seconds);
    vit_bench_close(bench);
    assert_true(started[0] > n && started[1] == started[0] && started[2] == started[0]); /* and the warm-up */
    assert_int_equal(rounds_seen, started[0]);
    assert_true(seconds[0] > 0);
}

static void test_machine_roof_check_names_the_innermost_level(void **state)
{
    (void)state;
    struct vit_ceilings c = {
        .gflops = 200, .roof = {{"L1", 400, 600, 0}, {"L2", 200, 220, 0}, {"DRAM", 20, 24, 33}}, .n_roof = 3};
    assert_string_equal(vit_roof_check(&c, 10, 23), "none"); /* above the loads, not above the triads */
    assert_string_equal(vit_roof_check(&c, 10, 25), "DRAM");
    assert_string_equal(vit_roof_check(&c, 0, 230), "L2");
    assert_string_equal(vit_roof_check(&c, 10, 601), "L1");
    assert_string_equal(vit_roof_check(&c, 201, 1), "peak");
    assert_null(vit_roof_check(&c, 0, 0));
    assert_string_equal(vit_roof_check_dram(&c, 10, 32), "none"); /* stores past the caches went as fast */
    assert_string_equal(vit_roof_check_dram(&c, 10, 34), "DRAM");
    assert_string_equal(vit_roof_check_dram(&c, 201, 1), "peak");
    assert_null(vit_roof_check_dram(&c, 10, 0));
    c = (struct vit_ceilings){0};
    assert_null(vit_roof_check(&c, 10, 10));
    assert_null(vit_roof_check_dram(&c, 10, 10));
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
        cmocka_unit_test(test_machine_bandwidth_kernels_move_what_they_say),
        cmocka_unit_test(test_machine_bandwidth_load_sees_every_element),
        cmocka_unit_test(test_machine_levels_have_arrays_of_their_own),
        cmocka_unit_test(test_machine_bench_measures_every_transfer),
        cmocka_unit_test(test_machine_bench_runs_every_thread_each_time),
        cmocka_unit_test(test_machine_roof_check_names_the_innermost_level),
        cmocka_unit_test(test_machine_measure_refuses_no_threads),
    };
    return cmocka_run_group_tests_name("probes_machine", tests, NULL, NULL);
}
