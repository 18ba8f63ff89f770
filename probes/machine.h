/* SPDX-License-Identifier: MIT */
/* machine.h - the machine that numbers come from: processor, caches, memory, system; and two measured ceilings, peak
 * arithmetic and memory bandwidth, that tell what bounds an operator.
 * What cannot be read is "" or 0 and prints as unknown. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VIT_MAX_CACHES = 12, VIT_MACHINE_TEXT = 128 };

struct vit_cache {
    int level;
    char type; /* 'd' data, 'i' instructions, 'u' both */
    int64_t bytes;
    int ways; /* 0: unknown; -1: fully associative */
    int line_bytes;
    int shared_by; /* logical processors */
};

/* Best of the repetitions. Gb: 1e9 bytes that the program names; write-allocate traffic of the triad comes on top. */
struct vit_ceilings {
    int threads;
    double gflops;                 /* the roof: the larger of the two below */
    double gflops_fma;             /* independent multiply-adds in registers, with the vector kernels that run here */
    double gflops_gemm;            /* matrix product through model/blas.h */
    double read_gbs;               /* sum of an array beyond the last cache */
    double triad_gbs;              /* a = b + s c */
    char source[VIT_MACHINE_TEXT]; /* short, for figures: "FMA loop v4, 1 thread; read of 128 MiB" */
    char method[VIT_MACHINE_TEXT * 2]; /* all of it, for the record */
};

struct vit_machine {
    char cpu[VIT_MACHINE_TEXT], vendor[VIT_MACHINE_TEXT], microcode[VIT_MACHINE_TEXT];
    char flags[2 * VIT_MACHINE_TEXT]; /* instruction sets that matter here, separated by blanks */
    char kernel[VIT_MACHINE_TEXT * 2];
    char hypervisor[VIT_MACHINE_TEXT]; /* "" on bare metal, as far as the processor tells */
    char governor[VIT_MACHINE_TEXT];
    double mhz; /* of logical processor 0 when read */
    int packages, numa_nodes, cores, logical;
    int64_t memory_bytes;
    struct vit_cache cache[VIT_MAX_CACHES]; /* those of the first core, by level */
    int n_cache;
    char source[VIT_MACHINE_TEXT];   /* of all the above */
    struct vit_ceilings single, all; /* zero before vit_machine_measure */
};

/* Reads, measures nothing. */
int vit_machine_read(struct vit_machine *machine);

/* Fills single and all (with `threads` threads); about half a second. */
int vit_machine_measure(struct vit_machine *machine, int threads);

/* Largest data cache of the first core; 0 if unknown. */
int64_t vit_machine_last_cache(const struct vit_machine *machine);

/* Flops per byte left of which bandwidth bounds an operator; 0 before measuring. */
static inline double vit_ridge_point(const struct vit_ceilings *ceilings)
{
    return ceilings->read_gbs > 0 ? ceilings->gflops / ceilings->read_gbs : 0;
}
