/* SPDX-License-Identifier: MIT */
#include "tests/support/thread_ranks.h"

#include "tests/support/test.h"

#include <pthread.h>

struct crowd {
    int ranks;
    pthread_barrier_t barrier;
    const char *out[MAX_THREAD_RANKS]; /* what each rank has laid out for the others */
    void (*body)(struct vit_communicator *comm, void *context);
    void *context;
};

struct member {
    struct crowd *crowd;
    int rank, status;
    pthread_t thread;
};

/* Row of rank r in `in` comes from r's out, `step` bytes on for each rank that reads. */
static int trade(struct member *self, const void *out, char *in, size_t bytes, size_t step)
{
    struct crowd *crowd = self->crowd;
    crowd->out[self->rank] = out;
    pthread_barrier_wait(&crowd->barrier);
    for (int rank = 0; rank < crowd->ranks; rank++)
        memcpy(in + (size_t)rank * bytes, crowd->out[rank] + step * (size_t)self->rank, bytes);
    pthread_barrier_wait(&crowd->barrier);
    return VIT_OK;
}

static int gather(void *self, const void *out, void *in, size_t bytes)
{
    return trade(self, out, in, bytes, 0);
}

static int exchange(void *self, const void *out, void *in, size_t bytes)
{
    return trade(self, out, in, bytes, bytes);
}

static int broadcast(void *argument, void *data, size_t bytes)
{
    struct member *self = argument;
    struct crowd *crowd = self->crowd;
    crowd->out[self->rank] = data;
    pthread_barrier_wait(&crowd->barrier);
    if (self->rank != 0)
        memcpy(data, crowd->out[0], bytes);
    pthread_barrier_wait(&crowd->barrier);
    return VIT_OK;
}

static void *run(void *argument)
{
    struct member *self = argument;
    struct vit_communicator comm;
    const struct vit_transport transport = {
        .gather = gather, .exchange = exchange, .broadcast = broadcast, .self = self};
    self->status = vit_communicator_open(&comm, transport, self->rank, self->crowd->ranks);
    pthread_barrier_wait(&self->crowd->barrier);
    if (self->status != VIT_OK)
        return NULL;
    self->crowd->body(&comm, self->crowd->context);
    vit_communicator_close(&comm);
    return NULL;
}

void run_thread_ranks(int ranks, void (*body)(struct vit_communicator *comm, void *context), void *context)
{
    struct crowd crowd = {.ranks = ranks, .body = body, .context = context};
    struct member member[MAX_THREAD_RANKS];
    assert_in_range(ranks, 1, MAX_THREAD_RANKS);
    assert_int_equal(pthread_barrier_init(&crowd.barrier, NULL, (unsigned)ranks), 0);
    for (int rank = 0; rank < ranks; rank++) {
        member[rank] = (struct member){.crowd = &crowd, .rank = rank};
        assert_int_equal(pthread_create(&member[rank].thread, NULL, run, &member[rank]), 0);
    }
    for (int rank = 0; rank < ranks; rank++)
        assert_int_equal(pthread_join(member[rank].thread, NULL), 0);
    for (int rank = 0; rank < ranks; rank++)
        assert_int_equal(member[rank].status, VIT_OK);
    pthread_barrier_destroy(&crowd.barrier);
}
