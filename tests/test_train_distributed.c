/* SPDX-License-Identifier: MIT */
/* What launchers tell a process of its ranks, without MPI. */
#include "model/train/distributed.h"
#include "tests/support/test.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static int forget(void **state)
{
    (void)state;
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "PMI_SIZE",
                                        "SLURM_STEP_NUM_TASKS"};
    for (int i = 0; i < 4; i++)
        unsetenv(names[i]);
    return 0;
}

static void test_a_process_without_a_launcher_is_alone(void **state)
{
    (void)state;
    struct vit_communicator *comm = (struct vit_communicator *)(void *)&state;
    assert_int_equal(vit_distributed_launched(), 1);
    assert_ok(vit_distributed_open(&comm));
    assert_null(comm);
    vit_distributed_close(comm);
}

static void test_launchers_are_known_by_their_variables(void **state)
{
    (void)state;
    setenv("SLURM_STEP_NUM_TASKS", "5", 1);
    assert_int_equal(vit_distributed_launched(), 5);
    setenv("PMI_SIZE", "3", 1);
    assert_int_equal(vit_distributed_launched(), 3);
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1); /* mpirun -n 1 within a job of more */
    assert_int_equal(vit_distributed_launched(), 1);
    setenv("OMPI_COMM_WORLD_SIZE", "many", 1);
    assert_int_equal(vit_distributed_launched(), 3);
}

static void test_ranks_of_a_machine_share_its_processors(void **state)
{
    (void)state;
    cpu_set_t before, one;
    const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) == processors) {
        assert_int_equal(vit_distributed_threads(), processors);
        setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
        assert_int_equal(vit_distributed_threads(), processors > 1 ? processors / 2 : 1);
        setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "100000", 1);
        assert_int_equal(vit_distributed_threads(), 1);
    }
    CPU_ZERO(&one); /* as mpirun binds ranks: no one else is on it */
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const int bound = vit_distributed_threads();
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(bound, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_process_without_a_launcher_is_alone, forget, forget),
        cmocka_unit_test_setup_teardown(test_launchers_are_known_by_their_variables, forget, forget),
        cmocka_unit_test_setup_teardown(test_ranks_of_a_machine_share_its_processors, forget, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
