/* SPDX-License-Identifier: MIT */
/* The pool: every piece exactly once, by a worker that exists, job after job. */
#include "model/base/parallel.h"
#include "tests/support/test.h"

#include <stdatomic.h>

enum { MOST_PIECES = 5000, MOST_THREADS = 4 };

struct job {
    atomic_int runs[MOST_PIECES];
    atomic_int strangers; /* calls with a worker index out of range */
    atomic_int shared;    /* two calls at once with the same worker index */
    atomic_int busy[MOST_THREADS];
    int threads;
};

static void count_piece(void *context, int64_t piece, int worker)
{
    struct job *job = context;
    if (worker < 0 || worker >= job->threads) {
        atomic_fetch_add(&job->strangers, 1);
        return;
    }
    if (atomic_fetch_add(&job->busy[worker], 1) != 0)
        atomic_fetch_add(&job->shared, 1);
    atomic_fetch_add(&job->runs[piece], 1);
    atomic_fetch_sub(&job->busy[worker], 1);
}

static void check_job(struct vit_parallel *pool, int threads, int64_t pieces)
{
    static struct job job;
    memset(&job, 0, sizeof job);
    job.threads = threads;
    vit_parallel_for(pool, pieces, count_piece, &job);
    for (int64_t i = 0; i < MOST_PIECES; i++)
        if (atomic_load(&job.runs[i]) != (i < pieces))
            fail_msg("%d threads, %lld pieces: piece %lld ran %d times", threads, (long long)pieces, (long long)i,
                     atomic_load(&job.runs[i]));
    assert_int_equal(atomic_load(&job.strangers), 0);
    assert_int_equal(atomic_load(&job.shared), 0);
}

static void test_parallel_runs_every_piece_once(void **state)
{
    (void)state;
    static const int64_t pieces[] = {0, 1, 2, 3, 7, 64, MOST_PIECES};
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        struct vit_parallel *pool;
        assert_ok(vit_parallel_open(&pool, threads));
        assert_int_equal(vit_parallel_threads(pool), threads);
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
            check_job(pool, threads, pieces[i]);
        vit_parallel_close(pool);
    }
}

static void test_parallel_without_pool_is_one_thread(void **state)
{
    (void)state;
    assert_int_equal(vit_parallel_threads(NULL), 1);
    check_job(NULL, 1, 100);
    vit_parallel_close(NULL);
}

static void add_piece(void *context, int64_t piece, int worker)
{
    (void)worker;
    atomic_llong *sum = context;
    atomic_fetch_add(sum, piece + 1);
}

/* Short jobs in a row: a worker that is late for one must not take part in the next one twice, or never. */
static void test_parallel_survives_many_jobs(void **state)
{
    (void)state;
    enum { JOBS = 4000, PIECES = 5 };
    struct vit_parallel *pool;
    assert_ok(vit_parallel_open(&pool, 3));
    for (int job = 0; job < JOBS; job++) {
        atomic_llong sum = 0;
        vit_parallel_for(pool, PIECES, add_piece, &sum);
        assert_int_equal(atomic_load(&sum), PIECES * (PIECES + 1) / 2);
    }
    vit_parallel_close(pool);
}

static void test_parallel_opens_and_closes_idle(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct vit_parallel *pool;
        assert_ok(vit_parallel_open(&pool, 4));
        vit_parallel_close(pool);
    }
}

static void test_parallel_refuses_no_threads(void **state)
{
    (void)state;
    struct vit_parallel *pool;
    assert_fails(vit_parallel_open(&pool, 0), VIT_EINVAL, "threads: 0");
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel_runs_every_piece_once),
        cmocka_unit_test(test_parallel_without_pool_is_one_thread),
        cmocka_unit_test(test_parallel_survives_many_jobs),
        cmocka_unit_test(test_parallel_opens_and_closes_idle),
        cmocka_unit_test(test_parallel_refuses_no_threads),
    };
    return cmocka_run_group_tests_name("base_parallel", tests, NULL, NULL);
}
