/* SPDX-License-Identifier: MIT */
/* callgrind_client.c - never uses CALLGRIND_TOGGLE_COLLECT, which holds for one thread only: work of others would
 * vanish. */
#include "probes/callgrind_client.h"

#include "model/access.h"
#include "model/base/status.h"
#include "model/kernel_set.h"

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

static void touch(const void *memory, size_t bytes)
{
    const volatile char *at = memory;
    for (size_t i = 0; i < bytes; i += VIT_LINE_BYTES)
        (void)at[i];
    (void)at[bytes - 1];
}

/* What says what to do is no data of the step, nor is the stack: they are fetched before the counting begins. */
static void touch_descriptions(const struct vit_step *step)
{
    volatile char stack[2048];
    for (size_t i = 0; i < sizeof stack; i += VIT_LINE_BYTES)
        stack[i] = 0;
    const struct vit_op *op = step->op;
    touch(step, sizeof *step);
    touch(op, sizeof *op);
    touch(step->def, sizeof *step->def);
    touch(step->kernel, sizeof *step->kernel);
    touch(vit_kernels(), sizeof *vit_kernels());
    for (int i = 0; i < op->n_in; i++)
        touch(op->in[i], sizeof *op->in[i]);
    for (int i = 0; i < op->n_out; i++)
        touch(op->out[i], sizeof *op->out[i]);
}

static void begin(void *self, const struct vit_step *step)
{
    const struct client *client = self;
    if (client->pass == VIT_CALLGRIND_COLD) {
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_START_INSTRUMENTATION;
    }
    touch_descriptions(step);
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
    client.lost = dprintf(STDOUT_FILENO, "%c%s\n", VIT_CALLGRIND_MARK, about) < 0;
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
