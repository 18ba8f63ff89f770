/* SPDX-License-Identifier: MIT */
/* communicator.h - processes (ranks) that compute one thing together: each has a part of the batch.
 * A transport only moves bytes; all arithmetic is here and runs in the order of the ranks, so that a sum is bit for bit
 * the same on every rank and in every run. Wherever a communicator is taken, NULL means alone: sums stay as they are.
 * All ranks make the same calls in the same order. A failure (a rank is gone) sticks: later calls do nothing, and
 * vit_communicator_status tells it; steps can therefore use one in the middle of a run. */
#pragma once

#include "model/base/real.h"

#include <stddef.h>
#include <stdint.h>

/* Moves bytes between all ranks and returns when `in` is complete; 0, or a failure that was recorded. */
struct vit_transport {
    int (*gather)(void *self, const void *out, void *in, size_t bytes); /* in (ranks, bytes): out of every rank */
    /* out, in (ranks, bytes): row r of out goes to rank r, row r of in comes from there. */
    int (*exchange)(void *self, const void *out, void *in, size_t bytes);
    int (*broadcast)(void *self, void *data, size_t bytes); /* of rank 0 */
    void (*close)(void *self);                              /* may be NULL */
    void *self;
};

struct vit_communicator {
    int rank, ranks;
    struct vit_transport transport;
    char *out, *in;    /* (ranks, block) each: what is on the way */
    size_t block;      /* bytes: a multiple of 64 */
    int64_t ns, bytes; /* spent in calls so far, waiting for others included; sent to others */
    int status;        /* VIT_OK, or the first failure */
    char message[256]; /* its text */
};

/* The communicator owns the transport from now on, also when this fails. */
int vit_communicator_open(struct vit_communicator *comm, struct vit_transport transport, int rank, int ranks);
void vit_communicator_close(struct vit_communicator *comm);

static inline int vit_communicator_ranks(const struct vit_communicator *comm)
{
    return comm ? comm->ranks : 1;
}

static inline int vit_communicator_rank(const struct vit_communicator *comm)
{
    return comm ? comm->rank : 0;
}

/* Sums over the ranks, in place, x (n) of equal length everywhere. The first suits a few numbers (each rank gets those
 * of all), the second gradients (each rank adds up a part in 64 bits: 2 (ranks - 1) / ranks of x are sent). */
void vit_communicator_sum(struct vit_communicator *comm, double *x, int64_t n);
void vit_communicator_sum_real(struct vit_communicator *comm, vit_real *x, int64_t n);

double vit_communicator_max(struct vit_communicator *comm, double x);

/* data of rank 0 for all. */
void vit_communicator_broadcast(struct vit_communicator *comm, void *data, size_t bytes);

/* rows (ranks, bytes) gets the row of every rank; small rows. */
void vit_communicator_gather(struct vit_communicator *comm, const void *row, size_t bytes, void *rows);

/* Returns when all ranks have come here. */
void vit_communicator_barrier(struct vit_communicator *comm);

/* VIT_OK, or the recorded failure of a rank that is gone. */
int vit_communicator_status(const struct vit_communicator *comm);

/* What only one rank may know (the disk of rank 0 is full), for all: its own status where that is a failure, else that
 * of the first rank which failed, with its message. */
int vit_communicator_agree(struct vit_communicator *comm, int status);
