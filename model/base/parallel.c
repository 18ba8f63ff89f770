/* SPDX-License-Identifier: MIT */
#include "model/base/parallel.h"

#include "model/base/status.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Operators last some microseconds, so a worker first watches the generation for about as long before it sleeps. */
enum { SPIN_ROUNDS = 2000 };

struct worker {
    struct vit_parallel *pool;
    pthread_t thread;
    int index; /* 1 .. threads-1; the caller is worker 0 */
};

struct vit_parallel {
    int threads;
    vit_parallel_body body;
    void *context;
    int64_t pieces;
    _Atomic int64_t next;   /* first piece nobody has taken */
    atomic_int running;     /* workers that have not finished this generation */
    atomic_int sleeping;    /* workers that may be waiting on `wake` */
    atomic_uint generation; /* grows by one with each job */
    bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct worker worker[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_pieces(struct vit_parallel *pool, int worker)
{
    for (;;) {
        int64_t piece = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (piece >= pool->pieces)
            return;
        pool->body(pool->context, piece, worker);
    }
}

static unsigned wait_for_job(struct vit_parallel *pool, unsigned seen)
{
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        unsigned now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen)
            return now;
        pause_briefly();
    }
    /* Either this sees the new generation, or publish() sees a sleeper: both orders are sequentially consistent. */
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping, 1);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->mutex);
    return atomic_load_explicit(&pool->generation, memory_order_acquire);
}

static void *work(void *argument)
{
    struct worker *self = argument;
    struct vit_parallel *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(pool, seen);
        if (pool->stop)
            return NULL;
        take_pieces(pool, self->index);
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
    }
}

/* Takes the lock only when a worker sleeps: operators that follow each other closely never do. */
static void publish(struct vit_parallel *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

static void stop_workers(struct vit_parallel *pool, int started)
{
    pool->stop = true;
    publish(pool);
    for (int i = 0; i < started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int vit_parallel_open(struct vit_parallel **result, int threads)
{
    *result = NULL;
    if (threads < 1)
        return vit_fail(VIT_EINVAL, "threads: %d, must be at least 1", threads);
    size_t workers = (size_t)threads - 1;
    struct vit_parallel *pool = calloc(1, sizeof *pool + workers * sizeof pool->worker[0]);
    if (!pool)
        return vit_fail(VIT_ENOMEM, "out of memory: pool of %d threads", threads);
    pool->threads = threads;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int i = 0; i < threads - 1; i++) {
        pool->worker[i] = (struct worker){.pool = pool, .index = i + 1};
        int error = pthread_create(&pool->worker[i].thread, NULL, work, &pool->worker[i]);
        if (error) {
            stop_workers(pool, i);
            return vit_fail(VIT_ENOMEM, "cannot start thread %d of %d: %s", i + 2, threads, strerror(error));
        }
    }
    *result = pool;
    return VIT_OK;
}

void vit_parallel_close(struct vit_parallel *pool)
{
    if (pool)
        stop_workers(pool, pool->threads - 1);
}

int vit_parallel_threads(const struct vit_parallel *pool)
{
    return pool ? pool->threads : 1;
}

void vit_parallel_for(struct vit_parallel *pool, int64_t pieces, vit_parallel_body body, void *context)
{
    if (!pool || pool->threads == 1 || pieces == 1) {
        for (int64_t piece = 0; piece < pieces; piece++)
            body(context, piece, 0);
        return;
    }
    pool->body = body;
    pool->context = context;
    pool->pieces = pieces;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->running, pool->threads - 1, memory_order_relaxed);
    publish(pool);
    take_pieces(pool, 0);
    for (int round = 0; atomic_load_explicit(&pool->running, memory_order_acquire) > 0; round++)
        if (round > SPIN_ROUNDS) /* a worker lost its core: let it have this one */
            sched_yield();
        else
            pause_briefly();
}
