/* SPDX-License-Identifier: MIT */
/* distributed_mpi.h - what vitscope_mpi.so exports: the one symbol vit_distributed_mpi. */
#pragma once

#include "model/base/communicator.h"

struct vit_distributed_mpi {
    size_t transport_bytes; /* sizeof(struct vit_transport): a plug-in of another version is told apart */
    /* Joins the ranks. fail is the program's vit_fail, by which everything in here tells its failures: the plug-in has
     * no copy of the program's state. */
    int (*open)(struct vit_transport *transport, int *rank, int *ranks, int (*fail)(int code, const char *format, ...));
};

extern const struct vit_distributed_mpi vit_distributed_mpi;
