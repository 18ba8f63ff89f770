/* SPDX-License-Identifier: MIT */
/* callgrind_client.c - never uses CALLGRIND_TOGGLE_COLLECT, which holds for one thread only: work of others would
 * vanish. */
#include "probes/callgrind_client.h"

#include "model/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

struct client {
    enum vit_callgrind_pass pass;
    char (*label)[VIT_CALLGRIND_LABEL]; /* (steps): written before the pass, to leave the caches alone between steps */
    bool lost;                          /* nobody reads the marks */
};

void vit_callgrind_label(char label[VIT_CALLGRIND_LABEL], enum vit_callgrind_pass pass, const struct vit_step *step)
{
    static const char *const name[VIT_N_CALLGRIND_PASSES] = {"warm", "chained", "cold"};
    snprintf(label, VIT_CALLGRIND_LABEL, "%s %d %s", name[pass], step->index, step->op->name);
}

static void begin(void *self, const struct vit_step *step)
{
    const struct client *client = self;
    (void)step;
    if (client->pass == VIT_CALLGRIND_COLD) {
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_START_INSTRUMENTATION;
    }
    CALLGRIND_ZERO_STATS;
}

static void end(void *self, const struct vit_step *step)
{
    static const char done[] = {VIT_CALLGRIND_MARK, '\n'};
    struct client *client = self;
    if (client->pass != VIT_CALLGRIND_WARM)
        CALLGRIND_DUMP_STATS_AT(client->label[step->index]);
    client->lost |= write(STDOUT_FILENO, done, sizeof done) != sizeof done;
}

static void run_pass(struct client *client, struct vit_exec *exec)
{
    for (int i = 0; i < exec->plan->n_step; i++)
        vit_callgrind_label(client->label[i], client->pass, &exec->plan->step[i]);
    vit_exec_run(exec);
}

int vit_callgrind_serve(struct vit_exec *exec, const char *about)
{
    if (!RUNNING_ON_VALGRIND)
        return vit_fail(VIT_ENOTSUP, "counts under callgrind only: `vitscope profile --traffic callgrind` starts it");
    struct client client = {.label = calloc((size_t)exec->plan->n_step, sizeof *client.label)};
    if (!client.label)
        return vit_fail(VIT_ENOMEM, "out of memory: labels of %d steps", exec->plan->n_step);
    client.lost = printf("%c%s\n", VIT_CALLGRIND_MARK, about) < 0 || fflush(stdout) != 0;
    const struct vit_observer observer = {begin, end, &client};
    vit_exec_observe(exec, &observer, 1);
    CALLGRIND_START_INSTRUMENTATION;
    for (client.pass = VIT_CALLGRIND_WARM; client.pass < VIT_N_CALLGRIND_PASSES; client.pass++)
        run_pass(&client, exec);
    CALLGRIND_STOP_INSTRUMENTATION;
    vit_exec_observe(exec, NULL, 0);
    free(client.label);
    return client.lost ? vit_fail(VIT_EIO, "standard output cannot be written") : VIT_OK;
}
