/* SPDX-License-Identifier: MIT */
/* thread_ranks.h - ranks that are threads of one process, so that what they do together is tested without MPI. */
#pragma once

#include "model/base/communicator.h"

enum { MAX_THREAD_RANKS = 4 };

/* Runs body(comm, context) once for each of 1 <= ranks <= MAX_THREAD_RANKS, all at once, and returns when all are done.
 * Bodies record what they find; assertions belong into the caller, since cmocka leaves a test by a jump. */
void run_thread_ranks(int ranks, void (*body)(struct vit_communicator *comm, void *context), void *context);
