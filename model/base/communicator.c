/* SPDX-License-Identifier: MIT */
#include "model/base/communicator.h"

#include "model/base/clock.h"
#include "model/base/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On the way at once, over all ranks: large enough that latency does not count, small enough to stay in a cache. */
enum { SEGMENT = 1 << 20, LEAST_BLOCK = 4096, LINE = 64 };

int vit_communicator_open(struct vit_communicator *comm, struct vit_transport transport, int rank, int ranks)
{
    *comm = (struct vit_communicator){.rank = rank, .ranks = ranks, .transport = transport};
    size_t block = SEGMENT / (size_t)ranks / LINE * LINE;
    comm->block = block > LEAST_BLOCK ? block : LEAST_BLOCK;
    comm->out = calloc((size_t)ranks, comm->block);
    comm->in = calloc((size_t)ranks, comm->block);
    if (comm->out && comm->in)
        return VIT_OK;
    vit_communicator_close(comm);
    return vit_fail(VIT_ENOMEM, "out of memory: messages between %d ranks", ranks);
}

void vit_communicator_close(struct vit_communicator *comm)
{
    if (comm->transport.close)
        comm->transport.close(comm->transport.self);
    free(comm->out);
    free(comm->in);
    *comm = (struct vit_communicator){0};
}

static bool is_alone(const struct vit_communicator *comm)
{
    return !comm || comm->ranks == 1 || comm->status != VIT_OK;
}

static void note(struct vit_communicator *comm, int status, size_t bytes)
{
    comm->bytes += (int64_t)(bytes * (size_t)(comm->ranks - 1));
    if (status == VIT_OK)
        return;
    comm->status = status;
    snprintf(comm->message, sizeof comm->message, "%s", vit_error());
}

/* The first `bytes` of out to all; false: failed. */
static bool gather(struct vit_communicator *comm, size_t bytes)
{
    note(comm, comm->transport.gather(comm->transport.self, comm->out, comm->in, bytes), bytes);
    return comm->status == VIT_OK;
}

static bool exchange(struct vit_communicator *comm, size_t bytes)
{
    note(comm, comm->transport.exchange(comm->transport.self, comm->out, comm->in, bytes), bytes);
    return comm->status == VIT_OK;
}

void vit_communicator_sum(struct vit_communicator *comm, double *x, int64_t n)
{
    if (is_alone(comm))
        return;
    const int64_t began = vit_clock_ns(), most = (int64_t)(comm->block / sizeof *x);
    for (int64_t at = 0, part; at < n; at += part) {
        part = n - at < most ? n - at : most;
        memcpy(comm->out, x + at, (size_t)part * sizeof *x);
        if (!gather(comm, (size_t)part * sizeof *x))
            break;
        const double *in = (const double *)(const void *)comm->in; /* (ranks, part) */
        for (int64_t i = 0; i < part; i++) {
            double sum = in[i];
            for (int rank = 1; rank < comm->ranks; rank++)
                sum += in[rank * part + i];
            x[at + i] = sum;
        }
    }
    comm->ns += vit_clock_ns() - began;
}

/* x (n <= ranks * share), of which this rank adds up elements rank * share and on. */
static bool sum_segment(struct vit_communicator *comm, vit_real *x, int64_t n, int64_t share)
{
    const size_t bytes = (size_t)n * sizeof *x, row = (size_t)share * sizeof *x;
    const vit_real *in = (const vit_real *)(const void *)comm->in; /* (ranks, share) */
    vit_real *sums = (vit_real *)(void *)comm->out;
    memcpy(comm->out, x, bytes);
    memset(comm->out + bytes, 0, (size_t)comm->ranks * row - bytes);
    if (!exchange(comm, row))
        return false;
    for (int64_t i = 0; i < share; i++) {
        double sum = (double)in[i];
        for (int rank = 1; rank < comm->ranks; rank++)
            sum += (double)in[rank * share + i];
        sums[i] = (vit_real)sum;
    }
    if (!gather(comm, row))
        return false;
    memcpy(x, comm->in, bytes);
    return true;
}

void vit_communicator_sum_real(struct vit_communicator *comm, vit_real *x, int64_t n)
{
    if (is_alone(comm))
        return;
    const int64_t began = vit_clock_ns(), most = (int64_t)(comm->block / sizeof *x) * comm->ranks;
    for (int64_t at = 0; at < n; at += most) {
        const int64_t part = n - at < most ? n - at : most;
        if (!sum_segment(comm, x + at, part, (part + comm->ranks - 1) / comm->ranks))
            break;
    }
    comm->ns += vit_clock_ns() - began;
}

double vit_communicator_max(struct vit_communicator *comm, double x)
{
    if (is_alone(comm))
        return x;
    const int64_t began = vit_clock_ns();
    memcpy(comm->out, &x, sizeof x);
    if (gather(comm, sizeof x)) {
        const double *in = (const double *)(const void *)comm->in;
        for (int rank = 0; rank < comm->ranks; rank++)
            x = in[rank] > x ? in[rank] : x;
    }
    comm->ns += vit_clock_ns() - began;
    return x;
}

void vit_communicator_broadcast(struct vit_communicator *comm, void *data, size_t bytes)
{
    if (is_alone(comm))
        return;
    const int64_t began = vit_clock_ns();
    note(comm, comm->transport.broadcast(comm->transport.self, data, bytes), comm->rank == 0 ? bytes : 0);
    comm->ns += vit_clock_ns() - began;
}

void vit_communicator_gather(struct vit_communicator *comm, const void *row, size_t bytes, void *rows)
{
    if (!is_alone(comm)) {
        const int64_t began = vit_clock_ns();
        for (size_t at = 0, part; at < bytes; at += part) {
            part = bytes - at < comm->block ? bytes - at : comm->block;
            memcpy(comm->out, (const char *)row + at, part);
            if (!gather(comm, part))
                break;
            for (int rank = 0; rank < comm->ranks; rank++)
                memcpy((char *)rows + (size_t)rank * bytes + at, comm->in + (size_t)rank * part, part);
        }
        comm->ns += vit_clock_ns() - began;
    } else if (!comm || comm->ranks == 1) {
        memcpy(rows, row, bytes);
    }
}

void vit_communicator_barrier(struct vit_communicator *comm)
{
    vit_communicator_max(comm, 0);
}

int vit_communicator_status(const struct vit_communicator *comm)
{
    return !comm || comm->status == VIT_OK ? VIT_OK : vit_fail(comm->status, "%s", comm->message);
}

int vit_communicator_agree(struct vit_communicator *comm, int status)
{
    struct {
        int status;
        char message[1024];
    } mine = {.status = status}, theirs;
    if (is_alone(comm))
        return status == VIT_OK ? vit_communicator_status(comm) : status;
    const int64_t began = vit_clock_ns();
    snprintf(mine.message, sizeof mine.message, "%s", status == VIT_OK ? "" : vit_error());
    memcpy(comm->out, &mine, sizeof mine);
    if (gather(comm, sizeof mine))
        for (int rank = 0; rank < comm->ranks && status == VIT_OK; rank++) {
            memcpy(&theirs, comm->in + (size_t)rank * sizeof theirs, sizeof theirs);
            if (theirs.status != VIT_OK)
                status = vit_fail(theirs.status, "%s", theirs.message);
        }
    comm->ns += vit_clock_ns() - began;
    return status == VIT_OK ? vit_communicator_status(comm) : status;
}
