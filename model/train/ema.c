/* SPDX-License-Identifier: MIT */
#include "model/train/ema.h"

#include "model/base/memory_block.h"
#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/kernel_set.h"
#include "model/weights/weights.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int vit_ema_open(struct vit_ema *ema, const struct vit_exec *exec, struct vit_ema_options options)
{
    *ema = (struct vit_ema){.options = options, .exec = exec};
    if (!(options.decay >= 0 && options.decay < 1))
        return vit_fail(VIT_EINVAL, "moving average: decay %g must be at least 0 and less than 1", options.decay);
    int status = vit_tensor_pieces_open(&ema->weights, exec->plan->graph, vit_is_weight);
    void *memory = NULL;
    if (status == VIT_OK)
        status = vit_memory_block(&memory, (size_t)ema->weights.elements * sizeof(vit_real), "moving average");
    ema->average = memory;
    for (int i = 0; i < ema->weights.n && status == VIT_OK; i++)
        memcpy(ema->average + ema->weights.place[i], ema->weights.tensor[i]->data, vit_nbytes(ema->weights.tensor[i]));
    if (status != VIT_OK)
        vit_ema_close(ema);
    return status;
}

void vit_ema_close(struct vit_ema *ema)
{
    vit_tensor_pieces_close(&ema->weights);
    free(ema->average);
    *ema = (struct vit_ema){0};
}

static double decay_now(const struct vit_ema *ema)
{
    const double decay = ema->options.decay;
    return ema->options.warmup ? fmin(decay, 1 - pow(1 + (double)ema->updates, -2.0 / 3)) : decay;
}

struct job {
    const struct vit_ema *ema;
    double decay;
};

static void update_piece(void *context, int64_t index, int worker)
{
    const struct job *job = context;
    const struct vit_tensor_pieces *weights = &job->ema->weights;
    const struct vit_tensor_piece *p = &weights->piece[index];
    (void)worker;
    vit_kernels()->average(job->ema->average + weights->place[p->tensor] + p->start,
                           weights->tensor[p->tensor]->data + p->start, job->decay, p->count);
}

void vit_ema_update(struct vit_ema *ema)
{
    assert(!ema->swapped);
    vit_parallel_for(ema->exec->pool, ema->weights.n_piece, update_piece,
                     &(struct job){.ema = ema, .decay = decay_now(ema)});
    ema->updates++;
}

static void swap_piece(void *context, int64_t index, int worker)
{
    const struct vit_ema *ema = context;
    const struct vit_tensor_piece *p = &ema->weights.piece[index];
    vit_real *average = ema->average + ema->weights.place[p->tensor] + p->start;
    vit_real *weight = ema->weights.tensor[p->tensor]->data + p->start;
    (void)worker;
    for (int64_t i = 0; i < p->count; i++) {
        const vit_real kept = weight[i];
        weight[i] = average[i];
        average[i] = kept;
    }
}

void vit_ema_swap(struct vit_ema *ema)
{
    vit_parallel_for(ema->exec->pool, ema->weights.n_piece, swap_piece, ema);
    ema->swapped = !ema->swapped;
}
