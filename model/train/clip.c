/* SPDX-License-Identifier: MIT */
#include "model/train/clip.h"

#include "model/base/parallel.h"
#include "model/base/status.h"
#include "model/kernel_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024 }; /* elements whose squares are summed in vit_real before they join a double */

static const char *const mode_names[] = {"none", "norm", "value", "agc"};

int vit_clip_mode_find(const char *name, enum vit_clip_mode *mode)
{
    for (int i = 0; i <= VIT_CLIP_AGC; i++)
        if (strcmp(mode_names[i], name) == 0) {
            *mode = (enum vit_clip_mode)i;
            return VIT_OK;
        }
    return vit_fail(VIT_EINVAL, "clipping \"%s\" is unknown; there are none, norm, value, agc", name);
}

static double sum_of_squares(const vit_real *x, int64_t n)
{
    double sums[2] = {0, 0};
    for (int64_t start = 0; start < n; start += BLOCK)
        vit_kernels()->moments(sums, x + start, 0, n - start < BLOCK ? n - start : BLOCK);
    return sums[1];
}

static int64_t units_of(const struct vit_tensor *tensor)
{
    return tensor->ndim > 1 ? tensor->dim[0] : 1;
}

/* Groups of whole units, about as large as the other pieces. */
static int list_units(struct vit_clip *clip)
{
    const int limited = clip->gradients.n - 2; /* not the classifier */
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < limited; i++) {
            const struct vit_tensor *tensor = clip->gradients.tensor[i];
            const int64_t units = units_of(tensor), size = vit_numel(tensor) / units;
            const int64_t group = size < VIT_PIECE_ELEMENTS ? VIT_PIECE_ELEMENTS / size : 1;
            for (int64_t start = 0; start < units; start += group, n += pass == 0)
                if (pass == 1)
                    clip->unit[clip->n_unit++] = (struct vit_tensor_piece){
                        .tensor = i, .start = start, .count = units - start < group ? units - start : group};
        }
        if (pass == 0 && !(clip->unit = calloc(n + 1, sizeof *clip->unit)))
            return vit_fail(VIT_ENOMEM, "out of memory: %zu groups of units", n);
    }
    return VIT_OK;
}

int vit_clip_open(struct vit_clip *clip, const struct vit_exec *exec, struct vit_clip_options options)
{
    *clip = (struct vit_clip){.options = options, .exec = exec};
    if (options.mode != VIT_CLIP_NONE && !(options.limit > 0))
        return vit_fail(VIT_EINVAL, "clipping by %s: the limit %g must be more than 0", mode_names[options.mode],
                        options.limit);
    int status = vit_tensor_pieces_open(&clip->gradients, exec->plan->graph, vit_is_learned);
    if (status == VIT_OK && !(clip->square = calloc((size_t)clip->gradients.n_piece + 1, sizeof *clip->square)))
        status = vit_fail(VIT_ENOMEM, "out of memory: norms of gradients");
    if (status == VIT_OK && options.mode == VIT_CLIP_AGC)
        status = list_units(clip);
    if (status != VIT_OK)
        vit_clip_close(clip);
    return status;
}

void vit_clip_close(struct vit_clip *clip)
{
    vit_tensor_pieces_close(&clip->gradients);
    free(clip->square);
    free(clip->unit);
    *clip = (struct vit_clip){0};
}

static void measure(void *context, int64_t index, int worker)
{
    const struct vit_clip *clip = context;
    const struct vit_tensor_piece *p = &clip->gradients.piece[index];
    (void)worker;
    clip->square[index] = sum_of_squares(clip->gradients.tensor[p->tensor]->grad->data + p->start, p->count);
}

struct job {
    const struct vit_clip *clip;
    vit_real factor;
};

static void scale_piece(void *context, int64_t index, int worker)
{
    const struct job *job = context;
    const struct vit_tensor_piece *p = &job->clip->gradients.piece[index];
    vit_real *g = job->clip->gradients.tensor[p->tensor]->grad->data + p->start;
    (void)worker;
    for (int64_t i = 0; i < p->count; i++)
        g[i] *= job->factor;
}

static void limit_piece(void *context, int64_t index, int worker)
{
    const struct job *job = context;
    const struct vit_tensor_piece *p = &job->clip->gradients.piece[index];
    const vit_real limit = job->factor;
    vit_real *g = job->clip->gradients.tensor[p->tensor]->grad->data + p->start;
    (void)worker;
    for (int64_t i = 0; i < p->count; i++)
        g[i] = g[i] > limit ? limit : g[i] < -limit ? -limit : g[i];
}

static void adapt_units(void *context, int64_t index, int worker)
{
    const struct job *job = context;
    const struct vit_tensor_piece *p = &job->clip->unit[index];
    const struct vit_tensor *tensor = job->clip->gradients.tensor[p->tensor];
    const int64_t size = vit_numel(tensor) / units_of(tensor);
    (void)worker;
    for (int64_t unit = p->start; unit < p->start + p->count; unit++) {
        vit_real *g = tensor->grad->data + unit * size;
        const double weights = sqrt(sum_of_squares(tensor->data + unit * size, size));
        const double most = fmax(weights, 1e-3) * job->clip->options.limit, norm = sqrt(sum_of_squares(g, size));
        const vit_real factor = (vit_real)(most / fmax(norm, 1e-6));
        for (int64_t i = 0; i < size && norm >= most; i++)
            g[i] *= factor;
    }
}

double vit_clip_apply(struct vit_clip *clip)
{
    struct vit_parallel *pool = clip->exec->pool;
    const int64_t n = clip->gradients.n_piece;
    double sum = 0;
    vit_parallel_for(pool, n, measure, clip);
    for (int64_t i = 0; i < n; i++)
        sum += clip->square[i];
    const double norm = sqrt(sum), share = clip->options.limit / (norm + 1e-6);
    struct job job = {.clip = clip, .factor = (vit_real)share};
    if (!isfinite(norm))
        return norm;
    if (clip->options.mode == VIT_CLIP_NORM && share < 1)
        vit_parallel_for(pool, n, scale_piece, &job);
    job.factor = (vit_real)clip->options.limit;
    if (clip->options.mode == VIT_CLIP_VALUE)
        vit_parallel_for(pool, n, limit_piece, &job);
    if (clip->options.mode == VIT_CLIP_AGC)
        vit_parallel_for(pool, clip->n_unit, adapt_units, &job);
    return norm;
}

const struct vit_tensor *vit_clip_not_finite(const struct vit_clip *clip)
{
    for (int64_t i = 0; i < clip->gradients.n_piece; i++)
        if (!isfinite(clip->square[i]))
            return clip->gradients.tensor[clip->gradients.piece[i].tensor];
    return NULL;
}
