/* SPDX-License-Identifier: MIT */
/* machine_measure.c - peak arithmetic, and the short measurement of both ceilings that runs before a study: the best of
 * some repetitions, since a ceiling is what the machine can do when nothing else takes it. */
#include "model/base/status.h"
#include "model/blas.h"
#include "model/kernel_set.h"
#include "probes/machine_bandwidth.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 768, ROUNDS = 1 << 12 };
static const double short_s = 0.025; /* for each figure of the short measurement */

struct fma_work {
    const struct vit_kernel_set *set;
    int64_t *flops; /* (threads, 8): of ROUNDS; a cache line each */
};

static void multiply_add(void *context, int worker, int64_t rounds)
{
    struct fma_work *w = context;
    vit_real x[VIT_FMA_ROOM];
    for (int i = 0; i < VIT_FMA_ROOM; i++)
        x[i] = (vit_real)i;
    w->set->fma_peak(x, &w->flops[worker * 8], (vit_real)0.5, 1, ROUNDS * rounds); /* goes to 2: no slow tiny numbers */
    w->flops[worker * 8] /= rounds;
}

int vit_bench_fma(struct vit_bench *bench, const struct vit_kernel_set *set, double gflops[VIT_MAX_REPETITIONS], int *n)
{
    int threads = vit_bench_threads(bench);
    struct fma_work work = {set, calloc((size_t)threads * 8, sizeof *work.flops)};
    if (!work.flops)
        return vit_fail(VIT_ENOMEM, "out of memory: machine, counts of %d threads", threads);
    *n = vit_bench_repeat(bench, multiply_add, &work, gflops);
    for (int i = 0; i < *n; i++)
        gflops[i] = 1e-9 * (double)work.flops[0] * threads / gflops[i];
    free(work.flops);
    return VIT_OK;
}

struct gemm_work {
    const vit_real *a, *b; /* (SIDE, SIDE) */
    vit_real *c;           /* (threads, SIDE, SIDE) */
};

static void product(void *context, int worker, int64_t rounds)
{
    const struct gemm_work *w = context;
    for (int64_t i = 0; i < rounds; i++)
        vit_gemm(&(struct vit_gemm){.m = SIDE,
                                    .n = SIDE,
                                    .k = SIDE,
                                    .alpha = 1,
                                    .a = w->a,
                                    .lda = SIDE,
                                    .b = w->b,
                                    .ldb = SIDE,
                                    .c = w->c + (size_t)worker * SIDE * SIDE,
                                    .ldc = SIDE});
}

int vit_bench_gemm(struct vit_bench *bench, double gflops[VIT_MAX_REPETITIONS], int *n)
{
    int status = vit_blas_open();
    if (status != VIT_OK)
        return status;
    int threads = vit_bench_threads(bench);
    size_t square = (size_t)SIDE * SIDE;
    vit_real *matrices = calloc(((size_t)threads + 2) * square, sizeof *matrices);
    if (!matrices)
        return vit_fail(VIT_ENOMEM, "out of memory: machine, matrices of %d threads", threads);
    for (size_t i = 0; i < 2 * square; i++)
        matrices[i] = (vit_real)(i % 17) / 17;
    struct gemm_work work = {matrices, matrices + square, matrices + 2 * square};
    *n = vit_bench_repeat(bench, product, &work, gflops);
    for (int i = 0; i < *n; i++)
        gflops[i] = 2e-9 * SIDE * SIDE * SIDE * threads / gflops[i];
    free(matrices);
    return VIT_OK;
}

static double best_of(const double *value, int n)
{
    double best = 0;
    for (int i = 0; i < n; i++)
        best = value[i] > best ? value[i] : best;
    return best;
}

static void describe(struct vit_ceilings *ceilings, const struct vit_memory_level *dram)
{
    int threads = ceilings->threads, mib = (int)(dram->bytes * threads >> 20);
    const char *plural = threads == 1 ? "" : "s", *isa = vit_kernels()->isa;
    if (ceilings->gflops_fma >= ceilings->gflops_gemm)
        snprintf(ceilings->source, sizeof ceilings->source, "FMA loop %s, %d thread%s; load of %d MiB", isa, threads,
                 plural, mib);
    else
        snprintf(ceilings->source, sizeof ceilings->source, "OpenBLAS gemm, %d thread%s; load of %d MiB", threads,
                 plural, mib);
    snprintf(ceilings->method, sizeof ceilings->method,
             "%s, %d thread%s: multiply-adds in registers (%s kernels); gemm of side %d per thread (OpenBLAS %s); load "
             "of, and triad in, %d MiB; best of the repetitions within %.0f ms each",
             VIT_REAL_NAME, threads, plural, isa, SIDE, vit_blas_kernel(), mib, 1000 * short_s);
}

static int measure_arithmetic(struct vit_ceilings *ceilings, struct vit_bench *bench)
{
    double value[VIT_MAX_REPETITIONS];
    int n, status = vit_bench_fma(bench, vit_kernels(), value, &n);
    if (status != VIT_OK)
        return status;
    ceilings->gflops_fma = best_of(value, n);
    status = vit_bench_gemm(bench, value, &n);
    if (status == VIT_OK)
        ceilings->gflops_gemm = best_of(value, n);
    ceilings->gflops = ceilings->gflops_fma > ceilings->gflops_gemm ? ceilings->gflops_fma : ceilings->gflops_gemm;
    return status == VIT_ENOMEM ? status : VIT_OK; /* without OpenBLAS the loop alone is the roof */
}

static void measure_dram(struct vit_ceilings *ceilings, struct vit_bench *bench, const struct vit_memory_level *dram)
{
    double value[VIT_MAX_REPETITIONS] = {0};
    int n = vit_bench_transfer(bench, VIT_TRANSFER_LOAD, dram->bytes, value);
    ceilings->read_gbs = best_of(value, n);
    n = vit_bench_transfer(bench, VIT_TRANSFER_TRIAD, dram->bytes, value);
    ceilings->triad_gbs = best_of(value, n);
    struct vit_roof *roof = &ceilings->roof[ceilings->n_roof++];
    snprintf(roof->level, sizeof roof->level, "%s", dram->name);
    roof->load_gbs = ceilings->read_gbs;
    roof->most_gbs = ceilings->read_gbs > ceilings->triad_gbs ? ceilings->read_gbs : ceilings->triad_gbs;
}

static int measure(struct vit_ceilings *ceilings, const struct vit_machine *machine, int threads)
{
    struct vit_memory_level level[VIT_MAX_ROOFS];
    const struct vit_memory_level *dram = &level[vit_memory_levels(level, machine, threads) - 1];
    struct vit_bench *bench;
    *ceilings = (struct vit_ceilings){.threads = threads};
    int status = vit_bench_open(
        &bench, &(struct vit_bench_options){.threads = threads, .min_time_s = short_s, .bytes = dram->bytes});
    if (status != VIT_OK)
        return status;
    status = measure_arithmetic(ceilings, bench);
    if (status == VIT_OK && dram->bytes > 0)
        measure_dram(ceilings, bench, dram);
    if (status == VIT_OK)
        describe(ceilings, dram);
    vit_bench_close(bench);
    return status;
}

int vit_machine_measure(struct vit_machine *machine, int threads)
{
    int status = measure(&machine->all, machine, threads);
    if (status == VIT_OK && threads > 1)
        return measure(&machine->single, machine, 1);
    machine->single = machine->all;
    return status;
}
