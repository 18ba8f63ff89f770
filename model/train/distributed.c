/* SPDX-License-Identifier: MIT */
#include "model/train/distributed.h"

#include "model/base/status.h"
#include "model/train/distributed_mpi.h"

#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef VIT_PLUGIN_DIR
#define VIT_PLUGIN_DIR "/usr/local/lib/vitscope"
#endif

/* A leading "@" stands for the folder of the running program. */
static const char *const places[] = {
    "@/vitscope_mpi.so",                 /* build/CONFIG/vitscope */
    "@/../vitscope_mpi.so",              /* build/CONFIG/tests/test_... */
    "@/../lib/vitscope/vitscope_mpi.so", /* PREFIX/bin/vitscope, also when moved or staged by DESTDIR */
    VIT_PLUGIN_DIR "/vitscope_mpi.so",
};

/* The first variable of the list that holds a number above 0; *name: which. */
static int number_in(const char *const *variable, const char **name)
{
    for (; *variable; variable++) {
        const char *text = getenv(*variable);
        const long number = text ? strtol(text, NULL, 10) : 0;
        *name = *variable;
        if (number > 0 && number < INT_MAX)
            return (int)number;
    }
    return 1;
}

static int launched(const char **by)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", NULL};
    return number_in(sizes, by);
}

int vit_distributed_launched(void)
{
    const char *by;
    return launched(&by);
}

int vit_distributed_threads(void)
{
    static const char *const local[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", NULL};
    const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    const char *name;
    cpu_set_t set;
    int mine = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : processors;
    if (mine >= processors)
        mine = processors / number_in(local, &name);
    return mine > 1 ? mine : 1;
}

/* What is read of a signal: written once, before it can come. */
static const char last_words[] =
    "vitscope: this run was told to end: another rank died, or mpirun was stopped. The last checkpoint is whole; the "
    "same command goes on from there.\n";

static void on_terminate(int signal)
{
    (void)signal;
    ssize_t written = write(STDERR_FILENO, last_words, sizeof last_words - 1);
    _exit(written > 0 ? 1 : 3);
}

static void append(char *list, size_t size, const char *text)
{
    const size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%.*s", used ? ", " : "", (int)(size - used), text);
}

/* NULL: `tried` lists where it is not, or why what is there does not load. */
static const struct vit_distributed_mpi *load(char *tried, size_t size)
{
    char program[PATH_MAX], path[PATH_MAX + 64];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    *tried = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%s%s", *places[i] == '@' ? program : "", places[i] + (*places[i] == '@'));
        if (access(path, R_OK) != 0) {
            append(tried, size, path);
            continue;
        }
        /* Open MPI's own plug-ins look for libmpi among the global symbols. */
        void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        const struct vit_distributed_mpi *mpi = library ? dlsym(library, "vit_distributed_mpi") : NULL;
        if (mpi && mpi->transport_bytes == sizeof(struct vit_transport))
            return mpi;
        append(tried, size, mpi ? "a plug-in of another version" : dlerror());
    }
    return NULL;
}

static int join(struct vit_communicator *comm, int expected, const char *by)
{
    struct vit_transport transport;
    char tried[2048];
    int rank, ranks;
    const struct vit_distributed_mpi *mpi = load(tried, sizeof tried);
    if (!mpi)
        return vit_fail(VIT_ENOTSUP,
                        "%d processes were started (%s) and cannot be joined, since this build has no MPI plug-in: "
                        "`scripts/setup mpi && make` builds it (tried %s)",
                        expected, by, tried);
    int status = mpi->open(&transport, &rank, &ranks, vit_fail);
    if (status != VIT_OK)
        return status;
    if (ranks == expected)
        return vit_communicator_open(comm, transport, rank, ranks);
    transport.close(transport.self);
    return vit_fail(VIT_ENOTSUP,
                    "%d processes were started (%s), of which Open MPI sees %d: start them with Open MPI's mpirun, or "
                    "srun --mpi=pmix",
                    expected, by, ranks);
}

int vit_distributed_open(struct vit_communicator **result)
{
    const char *by;
    const int expected = launched(&by);
    *result = NULL;
    if (expected == 1)
        return VIT_OK;
    struct vit_communicator *comm = malloc(sizeof *comm);
    int status = comm ? join(comm, expected, by) : vit_fail(VIT_ENOMEM, "out of memory: communicator");
    if (status != VIT_OK) {
        free(comm);
        return status;
    }
    if (comm->rank == 0)
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_terminate}, NULL);
    *result = comm;
    return VIT_OK;
}

void vit_distributed_close(struct vit_communicator *comm)
{
    if (!comm)
        return;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    vit_communicator_close(comm);
    free(comm);
}
