/* SPDX-License-Identifier: MIT */
/* parallel.h - a pool of threads that share out numbered pieces of work.
 * Operators cut their work into pieces by shape alone, never by the number of threads, and pieces write
 * disjoint memory: results are therefore bit for bit the same with any number of threads. */
#pragma once

#include <stdint.h>

struct vit_parallel;

/* Runs piece `piece` (0 <= piece < n) on worker `worker` (0 <= worker < threads): index of private scratch memory. */
typedef void (*vit_parallel_body)(void *context, int64_t piece, int worker);

/* threads >= 1; one thread means no pool is started. On failure *result is NULL and nothing is left to close. */
int vit_parallel_open(struct vit_parallel **result, int threads);
void vit_parallel_close(struct vit_parallel *pool);

int vit_parallel_threads(const struct vit_parallel *pool);

/* Runs all pieces and returns when they are done. Not reentrant: one caller at a time, no nesting.
 * pool may be NULL (one thread). Allocates nothing. */
void vit_parallel_for(struct vit_parallel *pool, int64_t pieces, vit_parallel_body body, void *context);
