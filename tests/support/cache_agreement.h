/* SPDX-License-Identifier: MIT */
/* cache_agreement.h - two models of the same two caches over the same steps: the program's own, fed with the streams of
 * the kernels, and callgrind, fed with every load and store of the kernels. Both are fed in one process, under
 * callgrind, so that they see the same addresses: what shares a set of a small cache depends on them. */
#pragma once

#include "analysis/instance.h"
#include "probes/session.h"

enum { FILL_COLD_D1, FILL_COLD_LL, FILL_CHAINED_D1, FILL_CHAINED_LL, N_FILLS };
extern const char *const cache_fill_name[N_FILLS];

/* Of one step, in lines. */
struct cache_fills {
    int64_t fill[N_FILLS];
    int64_t crossings; /* streams only: stretches of memory whose first 32 bytes cross a line */
};

struct cache_case {
    const char
        *model; /* of the zoo, or "deit_block", "swin_block", "efficientvit_block": one block of published size */
    int img;    /* 0: the model's */
    const char *graph, *kernel; /* NULL: defaults */
    const char *caches;         /* two levels; sets are powers of two */
};

struct cache_agreement {
    struct vit_instance instance;
    struct vit_session session;
    struct cache_fills *simulated, *callgrind; /* (steps) */
    struct cache_fills *narrower;              /* simulated with a way less in both caches */
};

/* Runs both; meter, of callgrind's run, may be NULL. The kernels are the best that valgrind can run. VIT_ENOTSUP where
 * valgrind is not installed. On failure nothing is left to close. */
int cache_agreement_open(struct cache_agreement *agreement, const struct cache_case *wanted,
                         const struct vit_meter *meter);
void cache_agreement_close(struct cache_agreement *agreement);

/* Lines that callgrind alone sees: stack, constants, tables of functions, OpenBLAS' own descriptions, and code in the
 * last cache. A cold step brings few of them; what is left of the data of steps before, all of them have pushed at. */
enum { CACHE_COLD_LINES = 32, CACHE_CHAINED_LINES = 192 };

/* Simulated fills over callgrind's, less 1; that many lines are forgiven. */
double cache_agreement_plain_error(const struct cache_agreement *agreement, int step, int fill);

/* The same where what is known to part the two is allowed for:
 * - where a working set just about fits a cache, strict LRU misses on every sweep or on none, and lines that are no
 *   data, or OpenBLAS' buffers that lie elsewhere than its stream has them, tip it: the two may be as far apart as the
 *   caches and those with a way less;
 * - callgrind counts an access across two lines once, also if both are missing: the program's model may count one more
 *   for each crossing. */
double cache_agreement_error(const struct cache_agreement *agreement, int step, int fill);

/* A program that calls cache_agreement_open is started again under callgrind, and its main begins with this: true if it
 * was the child, and *exit_code is to be returned. */
bool cache_agreement_child(int argc, char *const *argv, int *exit_code);
