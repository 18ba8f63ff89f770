/* SPDX-License-Identifier: MIT */
/* machine.h - the machine that numbers come from: processor, caches, memory, system; and two measured ceilings, peak
 * arithmetic and memory bandwidth, that tell what bounds an operator.
 * What cannot be read is "" or 0 and prints as unknown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VIT_MAX_CACHES = 12, VIT_MACHINE_TEXT = 128, VIT_MAX_ROOFS = 6 };

struct vit_cache {
    int level;
    char type; /* 'd' data, 'i' instructions, 'u' both */
    int64_t bytes;
    int ways; /* 0: unknown; -1: fully associative */
    int line_bytes;
    int shared_by; /* logical processors */
};

/* What one level of memory gives, best of the repetitions. GB: 1e9 bytes that the program names; lines that stores
 * fetch before they write them come on top. */
struct vit_roof {
    char level[8];         /* "L1", "L2", "L3", "DRAM" */
    double load_gbs;       /* the roof that figures draw: loads alone */
    double most_gbs;       /* the fastest of load, store, copy and triad */
    double past_cache_gbs; /* the fastest with stores past the caches (DRAM only); 0: not measured */
};

/* Best of the repetitions. */
struct vit_ceilings {
    int threads;
    double gflops;                 /* the roof: the larger of the two below */
    double gflops_fma;             /* independent multiply-adds in registers, with the vector kernels that run here */
    double gflops_gemm;            /* matrix product through model/blas.h */
    double read_gbs;               /* sum of an array beyond the last cache */
    double triad_gbs;              /* a = b + s c */
    char source[VIT_MACHINE_TEXT]; /* short, for figures: "FMA loop v4, 1 thread; read of 128 MiB" */
    char method[VIT_MACHINE_TEXT * 2]; /* all of it, for the record */
    char kept[16];                     /* the day of the survey that these are from, "2026-11-22"; "": this run's own */
    struct vit_roof roof[VIT_MAX_ROOFS]; /* from the core outwards, DRAM last; a short measurement has DRAM alone */
    int n_roof;
};

struct vit_machine {
    char cpu[VIT_MACHINE_TEXT], vendor[VIT_MACHINE_TEXT], microcode[VIT_MACHINE_TEXT];
    char flags[2 * VIT_MACHINE_TEXT]; /* instruction sets that matter here, separated by blanks */
    char kernel[VIT_MACHINE_TEXT * 2];
    char hypervisor[VIT_MACHINE_TEXT]; /* "" on bare metal, as far as the processor tells */
    char governor[VIT_MACHINE_TEXT];
    char pmus[2 * VIT_MACHINE_TEXT]; /* what the kernel counts with, separated by blanks: "cpu msr software" */
    double mhz;                      /* of logical processor 0 when read */
    int packages, numa_nodes, cores, logical;
    int64_t memory_bytes;
    struct vit_cache cache[VIT_MAX_CACHES]; /* those of the first core, by level */
    int n_cache;
    char source[VIT_MACHINE_TEXT];            /* of all the above */
    struct vit_ceilings single, all;          /* zero before vit_machine_measure */
    char ceilings_note[4 * VIT_MACHINE_TEXT]; /* for readers: kept from a survey, or measured now; "" before */
};

/* Reads, measures nothing. */
int vit_machine_read(struct vit_machine *machine);

/* Fills single and all (with `threads` threads); about half a second. Roofs are those of the DRAM alone: levels of
 * cache take a survey (analysis/machine_survey.h). */
int vit_machine_measure(struct vit_machine *machine, int threads);

/* Largest data cache of the first core; 0 if unknown. */
int64_t vit_machine_last_cache(const struct vit_machine *machine);

/* Flops per byte left of which bandwidth bounds an operator; 0 before measuring. */
static inline double vit_ridge_point(const struct vit_ceilings *ceilings)
{
    return ceilings->read_gbs > 0 ? ceilings->gflops / ceilings->read_gbs : 0;
}

/* What a step reached against the roofs of bandwidth: the innermost level that it was too fast for, "none", or NULL
 * where nothing is known. Its compulsory bytes cannot all have come from that level, nor from one further out: they
 * came from nearer, or some never moved. Roofs are the fastest mixes measured (most_gbs), not the loads that figures
 * draw. "L1" or "peak" is faster than the machine was ever seen to be: look at the time or at the counts. */
static inline const char *vit_roof_check(const struct vit_ceilings *ceilings, double gflop_per_s, double gb_per_s)
{
    if (ceilings->gflops > 0 && gflop_per_s > ceilings->gflops)
        return "peak";
    for (int i = 0; i < ceilings->n_roof; i++)
        if (ceilings->roof[i].most_gbs > 0 && gb_per_s > ceilings->roof[i].most_gbs)
            return ceilings->roof[i].level;
    return ceilings->n_roof > 0 && (gflop_per_s > 0 || gb_per_s > 0) ? "none" : NULL;
}

/* The same against the DRAM alone for bytes that did cross its bus, measured or simulated: more of them per second than
 * any stores or loads moved here. Such a figure is wrong, or the simulated bytes were none of the machine's. */
static inline const char *vit_roof_check_dram(const struct vit_ceilings *ceilings, double gflop_per_s,
                                              double dram_gb_per_s)
{
    if (ceilings->gflops > 0 && gflop_per_s > ceilings->gflops)
        return "peak";
    if (ceilings->n_roof == 0 || !(dram_gb_per_s > 0))
        return NULL;
    const struct vit_roof *dram = &ceilings->roof[ceilings->n_roof - 1];
    double most = dram->most_gbs > dram->past_cache_gbs ? dram->most_gbs : dram->past_cache_gbs;
    return most > 0 && dram_gb_per_s > most ? dram->level : "none";
}
