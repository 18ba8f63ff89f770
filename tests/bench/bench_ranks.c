/* SPDX-License-Identifier: MIT */
/* bench_ranks: what sums over ranks take, as CSV on stdout of rank 0: of a batch norm's channels and of gradients.
 * mpirun -n 2 build/release/bench/bench_ranks */
#include "analysis/stats.h"
#include "model/base/clock.h"
#include "model/base/status.h"
#include "model/train/distributed.h"
#include "reports/sink.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 41, MOST = 8 << 20 };

static const struct vit_column columns[] = {
    {"what", VIT_TEXT, "", "numbers (64 bits, each rank gets those of all) or gradients (each rank adds up a part)"},
    {"ranks", VIT_INT, "", "processes"},
    {"elements", VIT_INT, "", "of each rank"},
    {"median_ns", VIT_REAL, "ns", "median time of a sum, on the slowest rank"},
    {"gbs", VIT_REAL, "GB/s", "bytes sent by a rank / median time"},
};
static const struct vit_schema schema = {"ranks", 1, sizeof columns / sizeof columns[0], columns};

static int measure(struct vit_sink *sink, struct vit_communicator *comm, void *memory, int64_t elements, bool gradients)
{
    double times[SAMPLES];
    for (int i = -2; i < SAMPLES; i++) {
        vit_communicator_barrier(comm);
        const int64_t before = comm->bytes, began = vit_clock_ns();
        if (gradients)
            vit_communicator_sum_real(comm, memory, elements);
        else
            vit_communicator_sum(comm, memory, elements);
        const double taken = (double)(vit_clock_ns() - began);
        const double bytes = (double)(comm->bytes - before), slowest = vit_communicator_max(comm, taken);
        if (i >= 0)
            times[i] = slowest;
        if (i < SAMPLES - 1)
            continue;
        const double median = vit_stats_summary(times, SAMPLES).median;
        struct vit_cell row[] = {vit_text(gradients ? "gradients" : "numbers"), vit_int(comm->ranks), vit_int(elements),
                                 vit_real_cell(median), vit_real_cell(bytes / median)};
        if (comm->rank == 0)
            return vit_sink_write(sink, row);
    }
    return vit_communicator_status(comm);
}

static int run(struct vit_communicator *comm)
{
    const struct vit_sink_def *def;
    struct vit_sink sink;
    FILE *to = comm->rank == 0 ? stdout : fopen("/dev/null", "w");
    vit_real *memory = to ? calloc(MOST, sizeof(double)) : NULL;
    int status = memory ? vit_sink_find(&def, "csv") : vit_fail(VIT_ENOMEM, "out of memory");
    if (status == VIT_OK)
        status = vit_sink_open(&sink, def, &schema, &(struct vit_sink_target){.stream = to});
    if (status == VIT_OK) {
        static const int64_t channels[] = {2, 128, 768, 4096};
        for (int i = 0; i < 4 && status == VIT_OK; i++)
            status = measure(&sink, comm, memory, channels[i], false);
        for (int64_t n = 4096; n <= MOST && status == VIT_OK; n *= 8)
            status = measure(&sink, comm, memory, n, true);
        if (status == VIT_OK && comm->rank == 0)
            status = vit_sink_close(&sink);
        else
            vit_sink_abort(&sink);
    }
    free(memory);
    if (to && to != stdout)
        fclose(to);
    return status;
}

int main(void)
{
    struct vit_communicator *comm;
    int status = vit_distributed_open(&comm);
    if (status == VIT_OK && !comm)
        status = vit_fail(VIT_EINVAL, "start this with mpirun -n 2 or more");
    if (status == VIT_OK)
        status = run(comm);
    if (status != VIT_OK)
        fprintf(stderr, "bench_ranks: %s\n", vit_error());
    vit_distributed_close(comm);
    return status == VIT_OK ? 0 : 1;
}
