/* SPDX-License-Identifier: MIT */
/* machine_survey.h - every ceiling of the machine: peak arithmetic by kernel set, and bandwidth by level and kind of
 * transfer, each with 1, 2, 4, ... threads. `vitscope machine` takes one; analysis/machine_store.h keeps it. */
#pragma once

#include "analysis/stats.h"
#include "probes/machine.h"
#include "reports/record.h"

enum { VIT_MAX_FIGURES = 512 };

struct vit_survey_figure {
    char level[8];       /* "L1", ..., "DRAM"; "core" for arithmetic */
    char operation[16];  /* "load", ..., "triad_nt"; "fma", "gemm" */
    char kernel[32];     /* "v4", or OpenBLAS's name of its kernel */
    int threads;         /* GB/s and GFLOP/s are those of all together */
    int64_t array_bytes; /* of all arrays of one thread; 0: none */
    double cpu_share;    /* of the time in which all threads had a processor: well below 1, and the best is too low */
    int repetitions;     /* 0: not measured, see reason */
    double median, low, high, best; /* low, high: quartiles */
    char reason[VIT_MACHINE_TEXT];
};

struct vit_survey {
    char date[16];                 /* of the survey: "2026-11-22" */
    char kernel_set[16], real[16]; /* "v4", "float" */
    char build[64], blas[64];      /* version and commit of the program; kernel of OpenBLAS */
    double min_time_s;             /* of each figure */
    struct vit_survey_figure figure[VIT_MAX_FIGURES];
    int n_figure;
};

/* Measures everything with 1, 2, 4, ... and `threads` threads; about min_time_s for each of some 25 figures a number of
 * threads. Progress on a terminal's stderr. */
int vit_survey_take(struct vit_survey *survey, const struct vit_machine *machine, int threads, double min_time_s);

/* NULL where there is none. kernel NULL: any. */
struct vit_survey_key {
    const char *level, *operation, *kernel;
    int threads;
};
const struct vit_survey_figure *vit_survey_find(const struct vit_survey *survey, struct vit_survey_key key);

/* "GB/s" or "GFLOP/s" */
const char *vit_survey_unit(const struct vit_survey_figure *figure);

/* Mean cpu_share of the figures with so many threads; 0: none. Below VIT_QUIET_SHARE the machine had other work. */
#define VIT_QUIET_SHARE 0.9
double vit_survey_cpu_share(const struct vit_survey *survey, int threads);

/* The ceilings of so many threads, all roofs included: the best of each. VIT_EINVAL where the survey lacks arithmetic
 * or the loads and triads of the DRAM with this number. */
int vit_survey_ceilings(const struct vit_survey *survey, int threads, struct vit_ceilings *ceilings);
