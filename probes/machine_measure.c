/* SPDX-License-Identifier: MIT */
/* machine_measure.c - peak arithmetic and memory bandwidth, short enough to run before every study. Best of some
 * repetitions, since a ceiling is what the machine can do when nothing else takes it. */
#include "probes/machine.h"

#include "model/base/clock.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/blas.h"
#include "model/kernel_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SIDE = 768, ROUNDS = 1 << 19, MAX_REPETITIONS = 12 };
static const int64_t budget_ns = 25000000; /* for each of the eight measurements */

struct ceiling_work {
    int pieces;
    const vit_real *a, *b; /* (SIDE, SIDE) */
    vit_real *c;           /* (pieces, SIDE, SIDE) */
    int64_t *flops;        /* (pieces, 8): of one run of multiply_add; a cache line each */
    char *memory;          /* (bytes) beyond the last cache */
    int64_t bytes;
    uint64_t *sum; /* (pieces, 8): keeps reads from being optimised away */
};

/* Best time of some runs of body over all pieces, the first one not counted. */
static double best_seconds(struct vit_parallel *pool, vit_parallel_body body, struct ceiling_work *work)
{
    int64_t started = vit_clock_ns(), best = INT64_MAX;
    for (int i = 0; i < MAX_REPETITIONS; i++) {
        int64_t begin = vit_clock_ns();
        vit_parallel_for(pool, work->pieces, body, work);
        int64_t now = vit_clock_ns(), time = now - begin;
        if (i > 0 && time < best)
            best = time;
        if (i > 0 && now - started > budget_ns)
            break;
    }
    return (double)(best > 0 ? best : 1) * 1e-9;
}

static void product(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct ceiling_work *w = context;
    vit_gemm(&(struct vit_gemm){.m = SIDE,
                                .n = SIDE,
                                .k = SIDE,
                                .alpha = 1,
                                .a = w->a,
                                .lda = SIDE,
                                .b = w->b,
                                .ldb = SIDE,
                                .c = w->c + piece * SIDE * SIDE,
                                .ldc = SIDE});
}

static void multiply_add(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct ceiling_work *w = context;
    vit_real x[VIT_FMA_ROOM];
    for (int i = 0; i < VIT_FMA_ROOM; i++)
        x[i] = (vit_real)i;
    vit_kernels()->fma_peak(x, &w->flops[piece * 8], (vit_real)0.5, 1, ROUNDS); /* goes to 2: no slow tiny numbers */
    w->sum[piece * 8] = (uint64_t)x[0];
}

/* Whole words, since compilers may not reorder a sum of floats to vectorise it. */
static void read_words(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct ceiling_work *w = context;
    int64_t words = w->bytes / w->pieces / 64 * 8;
    const uint64_t *word = (const uint64_t *)(const void *)w->memory + piece * words;
    uint64_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int64_t i = 0; i < words; i += 4) {
        s0 += word[i];
        s1 += word[i + 1];
        s2 += word[i + 2];
        s3 += word[i + 3];
    }
    w->sum[piece * 8] = s0 + s1 + s2 + s3;
}

/* The memory is cut into three arrays; each piece takes its part of each. */
static int64_t triad_length(const struct ceiling_work *w)
{
    return w->bytes / (3 * w->pieces) / 64 * 64 / (int64_t)sizeof(vit_real);
}

static void triad(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct ceiling_work *w = context;
    int64_t n = triad_length(w);
    vit_real *restrict a = (vit_real *)(void *)w->memory + piece * n;
    const vit_real *restrict b = (const vit_real *)(const void *)w->memory + (w->pieces + piece) * n;
    const vit_real *restrict c = (const vit_real *)(const void *)w->memory + (2 * w->pieces + piece) * n;
    for (int64_t i = 0; i < n; i++)
        a[i] = b[i] + (vit_real)0.5 * c[i];
}

/* Each piece touches its own pages first: on machines with several memory nodes they then lie near. */
static void touch(void *context, int64_t piece, int worker)
{
    (void)worker;
    const struct ceiling_work *w = context;
    int64_t bytes = w->bytes / w->pieces;
    for (int64_t i = 0; i < bytes; i += 4096)
        w->memory[piece * bytes + i] = 1;
}

static void describe(struct vit_ceilings *ceilings, const struct ceiling_work *work)
{
    int threads = ceilings->threads, mib = (int)(work->bytes >> 20);
    const char *plural = threads == 1 ? "" : "s", *isa = vit_kernels()->isa;
    if (ceilings->gflops_fma >= ceilings->gflops_gemm)
        snprintf(ceilings->source, sizeof ceilings->source, "FMA loop %s, %d thread%s; read of %d MiB", isa, threads,
                 plural, mib);
    else
        snprintf(ceilings->source, sizeof ceilings->source, "OpenBLAS gemm, %d thread%s; read of %d MiB", threads,
                 plural, mib);
    snprintf(ceilings->method, sizeof ceilings->method,
             "%s, %d thread%s: multiply-adds in registers (%s kernels); gemm of side %d per thread (OpenBLAS %s); sum "
             "of, and triad in, %d MiB; best of at most %d",
             VIT_REAL_NAME, threads, plural, isa, SIDE, vit_blas_kernel(), mib, MAX_REPETITIONS - 1);
}

static void measure(struct vit_ceilings *ceilings, struct vit_parallel *pool, struct ceiling_work *work)
{
    work->pieces = vit_parallel_threads(pool);
    ceilings->threads = work->pieces;
    double seconds = best_seconds(pool, multiply_add, work);
    ceilings->gflops_fma = 1e-9 * (double)work->flops[0] * work->pieces / seconds;
    if (vit_blas_open() == VIT_OK) /* without it the loop alone is the roof */
        ceilings->gflops_gemm = 2e-9 * SIDE * SIDE * SIDE * work->pieces / best_seconds(pool, product, work);
    ceilings->gflops = ceilings->gflops_fma > ceilings->gflops_gemm ? ceilings->gflops_fma : ceilings->gflops_gemm;
    int64_t words = work->bytes / work->pieces / 64 * 8;
    ceilings->read_gbs = 8e-9 * (double)(words * work->pieces) / best_seconds(pool, read_words, work);
    double triad_bytes = 3.0 * sizeof(vit_real) * (double)(triad_length(work) * work->pieces);
    ceilings->triad_gbs = 1e-9 * triad_bytes / best_seconds(pool, triad, work);
    describe(ceilings, work);
}

static int allocate(struct ceiling_work *work, vit_real **matrices, int threads)
{
    size_t square = (size_t)SIDE * SIDE;
    *matrices = calloc(((size_t)threads + 2) * square, sizeof **matrices);
    work->sum = calloc((size_t)threads * 8, sizeof *work->sum);
    work->flops = calloc((size_t)threads * 8, sizeof *work->flops);
    work->memory = mmap(NULL, (size_t)work->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (work->memory == MAP_FAILED)
        work->memory = NULL;
    if (!*matrices || !work->sum || !work->flops || !work->memory)
        return vit_fail(VIT_ENOMEM, "out of memory: machine, %lld MiB to measure bandwidth",
                        (long long)(work->bytes >> 20));
    madvise(work->memory, (size_t)work->bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < 2 * square; i++)
        (*matrices)[i] = (vit_real)(i % 17) / 17;
    work->a = *matrices;
    work->b = *matrices + square;
    work->c = *matrices + 2 * square;
    return VIT_OK;
}

int vit_machine_measure(struct vit_machine *machine, int threads)
{
    int64_t last = vit_machine_last_cache(machine), most = (int64_t)256 << 20;
    struct ceiling_work work = {.bytes = 4 * (last > 0 ? last : (int64_t)32 << 20), .pieces = threads};
    work.bytes = work.bytes < most ? work.bytes : most;
    vit_real *matrices = NULL;
    struct vit_parallel *pool = NULL;
    int status = vit_parallel_open(&pool, threads);
    if (status == VIT_OK)
        status = allocate(&work, &matrices, threads);
    if (status == VIT_OK) {
        vit_parallel_for(pool, work.pieces, touch, &work);
        measure(&machine->all, pool, &work);
        if (threads > 1)
            measure(&machine->single, NULL, &work);
        else
            machine->single = machine->all;
    }
    vit_parallel_close(pool);
    if (work.memory)
        munmap(work.memory, (size_t)work.bytes);
    free(work.sum);
    free(work.flops);
    free(matrices);
    return status;
}
