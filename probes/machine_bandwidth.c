/* SPDX-License-Identifier: MIT */
/* machine_bandwidth.c - the clock and the memory of ceilings, and bandwidth by level. */
#include "probes/machine_bandwidth.h"

#include "model/base/clock.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/kernels/stream_bandwidth.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Repetitions that fill the time of a figure, where a round is short enough; at least LEAST. */
enum { USUAL = 200, LEAST = 3, MOST_ROUNDS = 1 << 30 };

/* Arrays of a thread start this far from one another beyond their length: at equal offsets in their pages, stores would
 * hold up loads on processors that compare the low bits of addresses first. */
enum { STAGGER = 17 * 64, HUGE_PAGE = 2 << 20 };

struct lane { /* of a thread; a cache line each */
    _Alignas(64) int64_t begin_ns, end_ns;
};

struct vit_bench {
    struct vit_parallel *pool;
    int threads;
    int64_t budget_ns;
    vit_bench_work work; /* of the repetition that runs */
    void *context;
    int64_t rounds;
    atomic_int arrived;
    struct lane *lane; /* (threads) */
    char *memory;      /* (threads, stride) */
    size_t stride, mapped;
};

/* Pieces are as many as threads and each waits for all others: every thread takes one, and they start together. */
static void take_part(void *context, int64_t piece, int worker)
{
    (void)piece;
    struct vit_bench *bench = context;
    atomic_fetch_add(&bench->arrived, 1);
    for (int i = 0; atomic_load(&bench->arrived) < bench->threads; i++)
        if (i > 1000) /* a thread has no core */
            sched_yield();
    bench->lane[worker].begin_ns = vit_clock_ns();
    bench->work(bench->context, worker, bench->rounds);
    bench->lane[worker].end_ns = vit_clock_ns();
}

static int64_t run_once(struct vit_bench *bench, int64_t rounds)
{
    bench->rounds = rounds;
    atomic_store(&bench->arrived, 0);
    vit_parallel_for(bench->pool, bench->threads, take_part, bench);
    int64_t begin = bench->lane[0].begin_ns, end = bench->lane[0].end_ns;
    for (int i = 1; i < bench->threads; i++) {
        begin = bench->lane[i].begin_ns < begin ? bench->lane[i].begin_ns : begin;
        end = bench->lane[i].end_ns > end ? bench->lane[i].end_ns : end;
    }
    return end > begin ? end - begin : 1;
}

int vit_bench_repeat(struct vit_bench *bench, vit_bench_work work, void *context, double seconds[VIT_MAX_REPETITIONS])
{
    bench->work = work;
    bench->context = context;
    int64_t target = bench->budget_ns / USUAL > 20000 ? bench->budget_ns / USUAL : 20000, rounds = 1;
    int n = 0;
    run_once(bench, rounds); /* warms up */
    int64_t started = vit_clock_ns();
    while (n < LEAST || (n < VIT_MAX_REPETITIONS && vit_clock_ns() - started < bench->budget_ns)) {
        int64_t time = run_once(bench, rounds);
        if (time < target / 2 && rounds < MOST_ROUNDS) {
            /* Other work only makes it longer: the rounds are too few, whatever was seen before. */
            int64_t factor = target / time + 1;
            rounds *= factor < 16 ? factor : 16;
            n = 0;
            started = vit_clock_ns();
        } else {
            seconds[n++] = 1e-9 * (double)time / (double)rounds;
        }
    }
    return n;
}

int vit_bench_threads(const struct vit_bench *bench)
{
    return bench->threads;
}

static void touch(void *context, int worker, int64_t rounds)
{
    (void)rounds;
    struct vit_bench *bench = context;
    memset(bench->memory + (size_t)worker * bench->stride, 0, bench->stride);
}

static int allocate(struct vit_bench *bench, int64_t bytes)
{
    size_t lanes = (size_t)bench->threads * sizeof *bench->lane;
    bench->stride = ((size_t)bytes + 4 * STAGGER + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    bench->mapped = bench->stride * (size_t)bench->threads;
    bench->lane = aligned_alloc(_Alignof(struct lane), lanes);
    bench->memory = mmap(NULL, bench->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bench->memory == MAP_FAILED)
        bench->memory = NULL;
    if (!bench->lane || !bench->memory)
        return vit_fail(VIT_ENOMEM, "out of memory: machine, %zu MiB to measure bandwidth", bench->mapped >> 20);
    memset(bench->lane, 0, lanes);
    madvise(bench->memory, bench->mapped, MADV_HUGEPAGE);
    bench->work = touch;
    bench->context = bench;
    run_once(bench, 1);
    return VIT_OK;
}

int vit_bench_open(struct vit_bench **result, const struct vit_bench_options *options)
{
    *result = NULL;
    struct vit_parallel *pool;
    int status = vit_parallel_open(&pool, options->threads);
    if (status != VIT_OK)
        return status;
    struct vit_bench *bench = calloc(1, sizeof *bench);
    if (!bench) {
        vit_parallel_close(pool);
        return vit_fail(VIT_ENOMEM, "out of memory: machine, %d threads to measure with", options->threads);
    }
    bench->pool = pool;
    bench->threads = options->threads;
    bench->budget_ns = (int64_t)(options->min_time_s * 1e9);
    status = allocate(bench, options->bytes);
    if (status != VIT_OK)
        vit_bench_close(bench);
    else
        *result = bench;
    return status;
}

void vit_bench_close(struct vit_bench *bench)
{
    if (!bench)
        return;
    vit_parallel_close(bench->pool);
    if (bench->memory)
        munmap(bench->memory, bench->mapped);
    free(bench->lane);
    free(bench);
}

typedef void (*transfer_kernel)(vit_real *a, const vit_real *b, const vit_real *c, int64_t n, int64_t rounds);

static const struct {
    const char *name;
    int arrays;
    bool past_caches;
    size_t kernel; /* offset in struct vit_kernel_set */
} transfers[VIT_TRANSFERS] = {
    [VIT_TRANSFER_LOAD] = {"load", 1, false, offsetof(struct vit_kernel_set, bandwidth_load)},
    [VIT_TRANSFER_STORE] = {"store", 1, false, offsetof(struct vit_kernel_set, bandwidth_store)},
    [VIT_TRANSFER_COPY] = {"copy", 2, false, offsetof(struct vit_kernel_set, bandwidth_copy)},
    [VIT_TRANSFER_TRIAD] = {"triad", 3, false, offsetof(struct vit_kernel_set, bandwidth_triad)},
    [VIT_TRANSFER_STORE_NT] = {"store_nt", 1, true, offsetof(struct vit_kernel_set, bandwidth_store_nt)},
    [VIT_TRANSFER_COPY_NT] = {"copy_nt", 2, true, offsetof(struct vit_kernel_set, bandwidth_copy_nt)},
    [VIT_TRANSFER_TRIAD_NT] = {"triad_nt", 3, true, offsetof(struct vit_kernel_set, bandwidth_triad_nt)},
};

const char *vit_transfer_name(enum vit_transfer transfer)
{
    return transfers[transfer].name;
}

bool vit_transfer_past_caches(enum vit_transfer transfer)
{
    return transfers[transfer].past_caches;
}

struct transfer_work {
    const struct vit_bench *bench;
    transfer_kernel kernel;
    int64_t n;       /* elements of an array */
    bool loads_only; /* then the result has its own place */
};

static void transfer_arrays(void *context, int worker, int64_t rounds)
{
    const struct transfer_work *w = context;
    char *memory = w->bench->memory + (size_t)worker * w->bench->stride;
    size_t distance = (size_t)w->n * sizeof(vit_real) + STAGGER;
    vit_real sum = 0, *first = (vit_real *)(void *)memory;
    const vit_real *second = (const vit_real *)(const void *)(memory + distance);
    const vit_real *third = (const vit_real *)(const void *)(memory + 2 * distance);
    if (w->loads_only)
        w->kernel(&sum, first, first, w->n, rounds);
    else
        w->kernel(first, second, third, w->n, rounds);
}

int vit_bench_transfer(struct vit_bench *bench, enum vit_transfer transfer, int64_t bytes,
                       double gbs[VIT_MAX_REPETITIONS])
{
    int arrays = transfers[transfer].arrays;
    struct transfer_work work = {.bench = bench,
                                 .n = bytes / arrays / 64 * 64 / (int64_t)sizeof(vit_real),
                                 .loads_only = transfer == VIT_TRANSFER_LOAD};
    memcpy(&work.kernel, (const char *)vit_kernels() + transfers[transfer].kernel, sizeof work.kernel);
    int n = vit_bench_repeat(bench, transfer_arrays, &work, gbs);
    double named = 1e-9 * (double)(work.n * arrays * (int64_t)sizeof(vit_real)) * bench->threads;
    for (int i = 0; i < n; i++)
        gbs[i] = named / gbs[i];
    return n;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Half of what a thread has of the cache, but no more than eight times the cache within it, where neighbours on the
 * machine disturb less; at least twice that, or most would be served from within. */
static void fit_cache(struct vit_memory_level *level, const struct vit_cache *cache, int64_t share, int64_t within)
{
    snprintf(level->name, sizeof level->name, "L%d", cache->level);
    level->bytes = within > 0 ? least(share / 2, 8 * within) : share / 2;
    if (level->bytes < 2 * within) {
        level->bytes = 0;
        snprintf(level->reason, sizeof level->reason,
                 "a thread's share, %lld KiB, holds too little beyond the %lld KiB of the cache within",
                 (long long)(share >> 10), (long long)(within >> 10));
    }
}

/* Four times all last caches that the threads can lie on, at most 4 GiB and a quarter of the memory. */
static void fit_dram(struct vit_memory_level *level, const struct vit_machine *machine, const struct vit_cache *last,
                     int threads)
{
    enum { SUPPOSED_CACHE = 32 << 20 };
    int64_t cache = last ? last->bytes : SUPPOSED_CACHE, shared = last && last->shared_by > 0 ? last->shared_by : 1;
    int64_t caches = last ? least(threads, (machine->logical + shared - 1) / shared) : 1;
    cache *= caches > 0 ? caches : 1;
    int64_t total = least(4 * cache, (int64_t)4 << 30);
    if (machine->memory_bytes > 0)
        total = least(total, machine->memory_bytes / 4);
    snprintf(level->name, sizeof level->name, "DRAM");
    if (total >= 2 * cache)
        level->bytes = total / threads;
    else
        snprintf(level->reason, sizeof level->reason, "arrays beyond %lld MiB of cache take more memory than is usual",
                 (long long)(cache >> 20));
}

int vit_memory_levels(struct vit_memory_level level[VIT_MAX_ROOFS], const struct vit_machine *machine, int threads)
{
    int n = 0;
    int64_t within = 0;
    const struct vit_cache *last = NULL;
    threads = threads > 0 ? threads : 1; /* vit_bench_open refuses less */
    memset(level, 0, VIT_MAX_ROOFS * sizeof *level);
    for (int i = 0; i < machine->n_cache && n < VIT_MAX_ROOFS - 1; i++) {
        const struct vit_cache *cache = &machine->cache[i];
        if (cache->type == 'i' || cache->bytes <= 0)
            continue;
        int64_t sharers = least(threads, cache->shared_by > 0 ? cache->shared_by : 1), share = cache->bytes / sharers;
        fit_cache(&level[n++], cache, share, within);
        within = share;
        last = cache;
    }
    fit_dram(&level[n], machine, last, threads);
    return n + 1;
}
