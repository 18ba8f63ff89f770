/* SPDX-License-Identifier: MIT */
/* distributed.h - the ranks that this process was started with: `mpirun -n 4 vitscope train ...`.
 * MPI is a plug-in (vitscope_mpi.so, from distributed_mpi.c) that is loaded only in a process that a launcher started
 * as one of several: programs that run alone neither need Open MPI nor pay for its start. */
#pragma once

#include "model/base/communicator.h"

/* How many processes the launcher started, by what launchers tell theirs: OMPI_COMM_WORLD_SIZE (Open MPI's mpirun),
 * PMI_SIZE (others that speak PMI), SLURM_STEP_NUM_TASKS (srun). 1: none says more. */
int vit_distributed_launched(void);

/* Threads for each process where all processors of the machine are to be used: those that this process may run on,
 * shared with the other ranks on the same machine where no one bound them. */
int vit_distributed_threads(void);

/* *result is NULL where this process is alone; else all ranks have met. VIT_ENOTSUP when several were started and
 * cannot be joined: they would each do the whole work. From then on SIGTERM, by which mpirun ends the ranks that are
 * left when one dies, ends rank 0 with a line that says so. On failure *result is NULL. */
int vit_distributed_open(struct vit_communicator **result);

/* All ranks come here, or the run ends for all of them. NULL is allowed. */
void vit_distributed_close(struct vit_communicator *comm);
