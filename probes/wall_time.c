/* SPDX-License-Identifier: MIT */
/* wall_time.c - time from begin to end of each step on CLOCK_MONOTONIC. What an empty pair reads (null_sample) is part
 * of every value and is not subtracted: it is recorded, so that a reader sees how small a step can be trusted. */
#include "probes/probe.h"

#include "model/base/clock.h"
#include "model/base/status.h"

#include <stdlib.h>

struct stopwatch {
    int64_t begin_ns;
};

static const struct vit_column column[] = {
    {"time_ns", VIT_INT, "ns", "wall time of the step in one run, the clock's own cost included"},
};

static int open_stopwatch(struct vit_probe *probe, const char *argument, const struct vit_plan *plan)
{
    (void)argument;
    (void)plan;
    probe->state = calloc(1, sizeof(struct stopwatch));
    return probe->state ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: probe wall_time");
}

static void begin(void *self, const struct vit_step *step)
{
    (void)step;
    struct vit_probe *probe = self;
    struct stopwatch *stopwatch = probe->state;
    stopwatch->begin_ns = vit_clock_ns();
}

static void end(void *self, const struct vit_step *step)
{
    int64_t now = vit_clock_ns();
    struct vit_probe *probe = self;
    const struct stopwatch *stopwatch = probe->state;
    probe->sample[step->index] = now - stopwatch->begin_ns; /* one column */
}

static void read_step(const struct vit_probe *probe, int step, struct vit_cell *cell)
{
    int64_t time_ns = *vit_probe_row(probe, step);
    cell[0] = time_ns == VIT_NO_SAMPLE ? vit_absent() : vit_int(time_ns);
}

static void close_stopwatch(struct vit_probe *probe)
{
    free(probe->state);
}

const struct vit_probe_def vit_probe_wall_time = {
    .name = "wall_time",
    .summary = "wall time of each step",
    .tier = VIT_TIER_MEASURED,
    .scope = VIT_SCOPE_THREADS,
    .source = "CLOCK_MONOTONIC",
    .n_columns = sizeof column / sizeof column[0],
    .column = column,
    .open = open_stopwatch,
    .begin = begin,
    .end = end,
    .read = read_step,
    .close = close_stopwatch,
};
