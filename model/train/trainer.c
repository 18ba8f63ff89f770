/* SPDX-License-Identifier: MIT */
#include "model/train/trainer.h"

#include "model/base/communicator.h"
#include "model/base/memory_block.h"
#include "model/base/status.h"
#include "model/noise.h"
#include "model/train/initialize.h"
#include "model/train/not_finite.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t gradient_elements(const struct vit_trainer *t)
{
    return (int64_t)(t->plan.space_bytes[VIT_SPACE_GRADIENT] / sizeof(vit_real));
}

/* Gradients of all parameters are one block of memory. */
static vit_real *gradients(const struct vit_trainer *t)
{
    return t->exec.memory[VIT_SPACE_GRADIENT];
}

static int open_graph(struct vit_trainer *t, const struct vit_model_def *model)
{
    struct vit_model_options build = t->options.model;
    build.graph = "train";
    int status = vit_model_build(&t->graph, model, build);
    if (status == VIT_OK)
        status = vit_graph_add_loss(&t->graph, &t->options.loss);
    if (status == VIT_OK)
        status =
            vit_plan_build(&t->plan, &t->graph,
                           (struct vit_plan_options){
                               .threads = t->options.threads, .backward = true, .recompute = t->options.recompute});
    if (status == VIT_OK)
        status = vit_exec_open(&t->exec, &t->plan);
    if (status == VIT_OK)
        vit_exec_connect(&t->exec, t->options.comm);
    return status;
}

static int open_sum(struct vit_trainer *t)
{
    if (t->options.accumulate <= 1)
        return VIT_OK;
    void *memory;
    int status = vit_memory_block(&memory, t->plan.space_bytes[VIT_SPACE_GRADIENT], "sums of gradients");
    t->sum = memory;
    return status;
}

int vit_trainer_open(struct vit_trainer *t, const struct vit_model_def *model,
                     const struct vit_trainer_options *options)
{
    *t = (struct vit_trainer){.options = *options};
    if (t->options.accumulate < 1)
        t->options.accumulate = 1;
    int status = open_graph(t, model);
    if (status == VIT_OK)
        status = vit_weights_initialize(&t->graph, model->family, options->seed);
    if (status == VIT_OK)
        status = vit_optimizer_open(&t->optimizer, &t->exec, options->optimizer, &options->optimizer_options);
    if (status == VIT_OK)
        status = vit_clip_open(&t->clip, &t->exec, options->clip);
    if (status == VIT_OK && options->ema > 0)
        status = vit_ema_open(&t->ema, &t->exec, (struct vit_ema_options){.decay = options->ema});
    if (status == VIT_OK)
        status = open_sum(t);
    if (status != VIT_OK)
        vit_trainer_close(t);
    return status;
}

void vit_trainer_close(struct vit_trainer *t)
{
    free(t->sum);
    vit_ema_close(&t->ema);
    vit_clip_close(&t->clip);
    vit_optimizer_close(&t->optimizer);
    vit_exec_close(&t->exec);
    vit_plan_close(&t->plan);
    vit_graph_close(&t->graph);
    *t = (struct vit_trainer){.sum = NULL};
}

int vit_trainer_restart_average(struct vit_trainer *t)
{
    if (t->options.ema <= 0)
        return VIT_OK;
    vit_ema_close(&t->ema);
    return vit_ema_open(&t->ema, &t->exec, (struct vit_ema_options){.decay = t->options.ema});
}

static void ask_teacher(const struct vit_trainer *t, const struct vit_loader_batch *batch)
{
    const struct vit_graph *teacher = t->options.teacher->plan->graph;
    memcpy(teacher->input->data, batch->images, vit_nbytes(teacher->input));
    vit_exec_run(t->options.teacher);
    memcpy(t->graph.teacher->data, teacher->logits->data, vit_nbytes(t->graph.teacher));
}

/* "step 17: the loss is no number; ...": step from 1, as metrics.csv has it. */
static int fail_not_finite(struct vit_trainer *t, const char *what, double value)
{
    char where[VIT_NOT_FINITE_TEXT];
    const int64_t step = vit_trainer_steps(t) + 1;
    const char *is = isnan(value) ? "no number" : "infinite";
    if (vit_not_finite_find(&t->exec, where))
        return vit_fail(VIT_ENOTFINITE, "step %" PRId64 ": %s is %s; the first tensor that is not finite is %s", step,
                        what, is, where);
    return vit_fail(VIT_ENOTFINITE, "step %" PRId64 ": %s is %s, though every tensor is finite", step, what, is);
}

static void add_to_sum(const struct vit_trainer *t)
{
    const int64_t n = gradient_elements(t);
    const vit_real *gradient = gradients(t);
    for (int64_t i = 0; i < n; i++)
        t->sum[i] = t->batches == 0 ? gradient[i] : t->sum[i] + gradient[i];
}

/* Of this rank's images in the step, as the loader shares them out. */
static struct vit_noise_places places_of(const struct vit_trainer *t)
{
    const int64_t ranks = vit_communicator_ranks(t->options.comm), rank = vit_communicator_rank(t->options.comm);
    const int64_t batch = t->graph.batch, half = batch / 2;
    return (struct vit_noise_places){.first = (uint64_t)(t->batches * ranks * batch + rank * half),
                                     .half = (uint64_t)half,
                                     .skip = (uint64_t)((ranks - 1) * batch - 2 * rank * half)};
}

int vit_trainer_learn(struct vit_trainer *t, const struct vit_loader_batch *batch)
{
    assert(vit_trainer_wants_more(t) && batch->count == t->graph.batch);
    memcpy(t->graph.input->data, batch->images, vit_nbytes(t->graph.input));
    memcpy(t->graph.targets->data, batch->targets, vit_nbytes(t->graph.targets));
    vit_noise_set(t->graph.noise, t->options.seed, (uint64_t)vit_trainer_steps(t), places_of(t));
    if (t->graph.teacher)
        ask_teacher(t, batch);
    vit_exec_run(&t->exec);
    int status = vit_communicator_status(t->options.comm);
    const double loss = (double)t->graph.loss->data[0];
    if (status == VIT_OK && !isfinite(loss))
        status = fail_not_finite(t, "the loss", loss);
    if (status != VIT_OK)
        return status;
    if (t->sum)
        add_to_sum(t);
    t->batches++;
    t->loss += loss;
    return VIT_OK;
}

int vit_trainer_update(struct vit_trainer *t, double lr, struct vit_trainer_update *update)
{
    assert(!vit_trainer_wants_more(t));
    const int64_t n = gradient_elements(t);
    vit_real *gradient = gradients(t);
    for (int64_t i = 0; t->sum && i < n; i++)
        gradient[i] = t->sum[i] / (vit_real)t->batches;
    vit_communicator_sum_real(t->options.comm, gradient, n);
    int status = vit_communicator_status(t->options.comm);
    if (status != VIT_OK)
        return status;
    *update = (struct vit_trainer_update){.loss = t->loss / t->batches, .gradient_norm = vit_clip_apply(&t->clip)};
    t->batches = 0;
    t->loss = 0;
    if (!isfinite(update->gradient_norm))
        return fail_not_finite(t, "the norm of the gradients", update->gradient_norm);
    vit_optimizer_step(&t->optimizer, lr);
    if (t->options.ema > 0)
        vit_ema_update(&t->ema);
    return VIT_OK;
}
