/* SPDX-License-Identifier: MIT */
/* distributed_mpi.c - bytes between ranks by Open MPI: the plug-in vitscope_mpi.so, linked with libmpi and nothing of
 * the program. It moves bytes and computes nothing: the order of sums is model/base/communicator.c's, not MPI's. */
#include "model/train/distributed_mpi.h"

#include "model/base/status.h"

#include <limits.h>
#include <mpi.h>

static int (*tell)(int code, const char *format, ...);

static int check(int error, const char *call)
{
    char text[MPI_MAX_ERROR_STRING];
    int length;
    if (error == MPI_SUCCESS)
        return VIT_OK;
    if (MPI_Error_string(error, text, &length) != MPI_SUCCESS)
        text[0] = '\0';
    return tell(VIT_EIO, "%s between ranks failed: %s", call, text);
}

static int gather(void *self, const void *out, void *in, size_t bytes)
{
    (void)self;
    return check(MPI_Allgather(out, (int)bytes, MPI_BYTE, in, (int)bytes, MPI_BYTE, MPI_COMM_WORLD), "MPI_Allgather");
}

static int exchange(void *self, const void *out, void *in, size_t bytes)
{
    (void)self;
    return check(MPI_Alltoall(out, (int)bytes, MPI_BYTE, in, (int)bytes, MPI_BYTE, MPI_COMM_WORLD), "MPI_Alltoall");
}

static int broadcast(void *self, void *data, size_t bytes)
{
    int status = VIT_OK;
    (void)self;
    for (size_t at = 0, part; at < bytes && status == VIT_OK; at += part) {
        part = bytes - at < INT_MAX ? bytes - at : INT_MAX;
        status = check(MPI_Bcast((char *)data + at, (int)part, MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast");
    }
    return status;
}

static void finish(void *self)
{
    (void)self;
    MPI_Finalize();
}

static int start(struct vit_transport *transport, int *rank, int *ranks, int (*fail)(int code, const char *format, ...))
{
    int provided;
    tell = fail;
    int status = check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (status != VIT_OK)
        return status;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, ranks);
    *transport =
        (struct vit_transport){.gather = gather, .exchange = exchange, .broadcast = broadcast, .close = finish};
    return VIT_OK;
}

const struct vit_distributed_mpi vit_distributed_mpi = {sizeof(struct vit_transport), start};
