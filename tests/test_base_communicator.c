/* SPDX-License-Identifier: MIT */
/* What ranks add up, and batch norm over the batch of all ranks: here ranks are threads (support/thread_ranks.h). */
#include "model/base/communicator.h"
#include "model/base/rng.h"
#include "tests/support/test.h"
#include "tests/support/thread_ranks.h"

#include <stdlib.h>

static double value(int rank, int64_t i)
{
    struct vit_rng rng = vit_rng_at(7, VIT_RNG_STUDY, (uint64_t)(i * MAX_THREAD_RANKS + rank));
    return vit_rng_normal(&rng) * (rank == 1 ? 1e6 : 1); /* an order that shows in the last digits */
}

struct sums {
    int64_t n;
    double *numbers[MAX_THREAD_RANKS];
    vit_real *gradient[MAX_THREAD_RANKS];
};

static void add_up(struct vit_communicator *comm, void *context)
{
    struct sums *sums = context;
    vit_communicator_sum(comm, sums->numbers[comm->rank], sums->n);
    vit_communicator_sum_real(comm, sums->gradient[comm->rank], sums->n);
}

static void check_sums(int ranks, int64_t n)
{
    struct sums sums = {.n = n};
    for (int rank = 0; rank < ranks; rank++) {
        sums.numbers[rank] = calloc((size_t)n + 1, sizeof(double));
        sums.gradient[rank] = calloc((size_t)n + 1, sizeof(vit_real));
        assert_non_null(sums.numbers[rank]);
        assert_non_null(sums.gradient[rank]);
        for (int64_t i = 0; i < n; i++) {
            sums.numbers[rank][i] = value(rank, i);
            sums.gradient[rank][i] = (vit_real)value(rank, i);
        }
    }
    run_thread_ranks(ranks, add_up, &sums);
    for (int64_t i = 0; i < n; i++) {
        double number = value(0, i), gradient = (double)(vit_real)value(0, i);
        for (int rank = 1; rank < ranks; rank++) {
            number += value(rank, i);
            gradient += (double)(vit_real)value(rank, i);
        }
        for (int rank = 0; rank < ranks; rank++) {
            assert_memory_equal(&sums.numbers[rank][i], &number, sizeof number);
            assert_memory_equal(&sums.gradient[rank][i], &(vit_real){(vit_real)gradient}, sizeof(vit_real));
        }
    }
    for (int rank = 0; rank < ranks; rank++) {
        assert_true(sums.numbers[rank][n] == 0); /* nothing past the end */
        assert_true(sums.gradient[rank][n] == 0);
        free(sums.numbers[rank]);
        free(sums.gradient[rank]);
    }
}

static void test_sums_run_in_the_order_of_ranks_on_every_rank(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= MAX_THREAD_RANKS; ranks++) {
        check_sums(ranks, 1);
        check_sums(ranks, 2);
        check_sums(ranks, 1001);
    }
    check_sums(3, 200003);  /* more doubles than one message of three ranks holds */
    check_sums(2, 1300001); /* the same of gradients */
}

struct words {
    double largest[MAX_THREAD_RANKS];
    int64_t spread[MAX_THREAD_RANKS][3], rows[MAX_THREAD_RANKS][MAX_THREAD_RANKS][2];
    int agreed[MAX_THREAD_RANKS];
    char message[MAX_THREAD_RANKS][64];
};

static void talk(struct vit_communicator *comm, void *context)
{
    struct words *words = context;
    const int rank = comm->rank;
    words->largest[rank] = vit_communicator_max(comm, rank == 1 ? 5 : -rank);
    for (int i = 0; i < 3; i++)
        words->spread[rank][i] = rank == 0 ? 10 + i : -1;
    vit_communicator_broadcast(comm, words->spread[rank], sizeof words->spread[rank]);
    vit_communicator_gather(comm, (const int64_t[]){rank, rank * rank}, sizeof words->rows[rank][0], words->rows[rank]);
    vit_communicator_barrier(comm);
    words->agreed[rank] = vit_communicator_agree(comm, VIT_OK);
    int mine = rank == 2 ? vit_fail(VIT_EIO, "disk of rank 2 is full") : VIT_OK;
    mine = vit_communicator_agree(comm, mine);
    words->agreed[rank] = words->agreed[rank] == VIT_OK ? mine : VIT_EINVAL;
    strncpy(words->message[rank], vit_error(), sizeof words->message[rank] - 1);
}

static void test_ranks_tell_each_other(void **state)
{
    static struct words words;
    (void)state;
    run_thread_ranks(3, talk, &words);
    for (int rank = 0; rank < 3; rank++) {
        assert_true(words.largest[rank] == 5);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(words.spread[rank][i], 10 + i);
            assert_int_equal(words.rows[rank][i][0], i);
            assert_int_equal(words.rows[rank][i][1], i * i);
        }
        assert_int_equal(words.agreed[rank], VIT_EIO);
        assert_string_equal(words.message[rank], "disk of rank 2 is full");
    }
}

static void test_alone_is_no_communicator(void **state)
{
    (void)state;
    double x = 3;
    vit_real gradient = 4;
    int64_t row = 5, rows = 0;
    vit_communicator_sum(NULL, &x, 1);
    vit_communicator_sum_real(NULL, &gradient, 1);
    vit_communicator_broadcast(NULL, &row, sizeof row);
    vit_communicator_gather(NULL, &row, sizeof row, &rows);
    vit_communicator_barrier(NULL);
    assert_true(x == 3 && gradient == 4 && row == 5 && rows == 5);
    assert_true(vit_communicator_max(NULL, -2) == -2);
    assert_int_equal(vit_communicator_ranks(NULL), 1);
    assert_int_equal(vit_communicator_rank(NULL), 0);
    assert_ok(vit_communicator_status(NULL));
    assert_int_equal(vit_communicator_agree(NULL, VIT_EIO), VIT_EIO);
}

static int lose(void *self, const void *out, void *in, size_t bytes)
{
    (void)out, (void)in, (void)bytes;
    ++*(int *)self;
    return vit_fail(VIT_EIO, "rank 1 is gone");
}

static void test_a_failure_sticks(void **state)
{
    (void)state;
    int calls = 0;
    struct vit_communicator comm;
    assert_ok(
        vit_communicator_open(&comm, (struct vit_transport){.gather = lose, .exchange = lose, .self = &calls}, 0, 2));
    double x = 3;
    vit_real gradient = 4;
    vit_communicator_sum(&comm, &x, 1);
    vit_communicator_sum_real(&comm, &gradient, 1);
    vit_communicator_barrier(&comm);
    assert_int_equal(calls, 1);
    assert_true(x == 3 && gradient == 4);
    vit_fail(VIT_EINVAL, "something else");
    assert_fails(vit_communicator_status(&comm), VIT_EIO, "rank 1 is gone");
    assert_fails(vit_communicator_agree(&comm, VIT_OK), VIT_EIO, "rank 1 is gone");
    vit_communicator_close(&comm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_run_in_the_order_of_ranks_on_every_rank),
        cmocka_unit_test(test_ranks_tell_each_other),
        cmocka_unit_test(test_alone_is_no_communicator),
        cmocka_unit_test(test_a_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
