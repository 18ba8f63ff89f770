/* SPDX-License-Identifier: MIT */
/* machine_bandwidth.h - repeated measurements of what the machine can do at most. All threads of a bench do the same at
 * the same time, each in memory that it touched first; they are not pinned. What comes out is one figure per
 * repetition: a ceiling is the best of them, the others tell how quiet the machine was. */
#pragma once

#include "probes/machine.h"

struct vit_kernel_set;

enum { VIT_MAX_REPETITIONS = 256 };

/* Transfers, and how many arrays each names. The last three write past the caches: measured for the DRAM alone, since
 * in arrays that fit a cache they undo what the cache is for. */
enum vit_transfer {
    VIT_TRANSFER_LOAD,
    VIT_TRANSFER_STORE,
    VIT_TRANSFER_COPY,
    VIT_TRANSFER_TRIAD,
    VIT_TRANSFER_STORE_NT,
    VIT_TRANSFER_COPY_NT,
    VIT_TRANSFER_TRIAD_NT,
    VIT_TRANSFERS
};
const char *vit_transfer_name(enum vit_transfer transfer); /* "load", "store_nt" */
bool vit_transfer_past_caches(enum vit_transfer transfer);

/* Where arrays lie that are to be served by one level, and no other. */
struct vit_memory_level {
    char name[8];                  /* "L1", "DRAM" */
    int64_t bytes;                 /* of all arrays of one thread; 0: the level cannot be measured alone */
    char reason[VIT_MACHINE_TEXT]; /* why not; "" */
};

/* The levels from the core outwards, DRAM last; returns how many. Caches are shared out over the threads. */
int vit_memory_levels(struct vit_memory_level level[VIT_MAX_ROOFS], const struct vit_machine *machine, int threads);

struct vit_bench;

struct vit_bench_options {
    int threads;
    double min_time_s; /* for one figure, over all repetitions; there are three at least */
    int64_t bytes;     /* most that a transfer will take for one thread */
};

/* On failure *result is NULL and nothing is left to close. */
int vit_bench_open(struct vit_bench **result, const struct vit_bench_options *options);
void vit_bench_close(struct vit_bench *bench);

/* Work of each thread: `rounds` times the same. worker is the number of the thread, from 0. */
typedef void (*vit_bench_work)(void *context, int worker, int64_t rounds);

/* Seconds that one round took, from the first thread's start to the last one's end, for each repetition; returns how
 * many. Rounds are as many as make a repetition long enough for the clock. */
int vit_bench_repeat(struct vit_bench *bench, vit_bench_work work, void *context, double seconds[VIT_MAX_REPETITIONS]);

/* GB/s of all threads together in each repetition; returns how many. bytes: of a vit_memory_level. */
int vit_bench_transfer(struct vit_bench *bench, enum vit_transfer transfer, int64_t bytes,
                       double gbs[VIT_MAX_REPETITIONS]);

/* GFLOP/s of all threads together in each of *n repetitions: independent multiply-adds in registers with the kernels of
 * `set`; one product per thread through model/blas.h (VIT_ENOTSUP without OpenBLAS). */
int vit_bench_fma(struct vit_bench *bench, const struct vit_kernel_set *set, double gflops[VIT_MAX_REPETITIONS],
                  int *n);
int vit_bench_gemm(struct vit_bench *bench, double gflops[VIT_MAX_REPETITIONS], int *n);

int vit_bench_threads(const struct vit_bench *bench);
