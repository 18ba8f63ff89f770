/* SPDX-License-Identifier: MIT */
#include "analysis/image_stream.h"

#include "model/base/rng.h"
#include "model/base/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Bootstrap resamples are streams 0, 1, ... of the same purpose. */
static const uint64_t choice_of_images = UINT64_C(1) << 32;

/* images of count, in order; NULL: out of memory. */
static int64_t *choose(int64_t count, int64_t images, uint64_t seed)
{
    int64_t *index = calloc((size_t)count, sizeof *index);
    for (int64_t i = 0; index && i < count; i++)
        index[i] = i;
    if (index && images < count) {
        struct vit_rng rng = vit_rng_at(seed, VIT_RNG_STUDY, choice_of_images);
        vit_rng_shuffle(&rng, index, count);
        qsort(index, (size_t)images, sizeof *index, ascending);
    }
    return index;
}

int vit_image_stream_open(struct vit_image_stream *stream, const struct vit_image_stream_options *options)
{
    const char *spec = options->spec ? options->spec : "synthetic";
    *stream = (struct vit_image_stream){.preprocess = options->preprocess};
    int status = vit_dataset_open(&stream->dataset, spec);
    if (status != VIT_OK)
        return status;
    const int64_t count = stream->dataset.count;
    stream->images = options->images && options->images < count ? options->images : count;
    if (options->whole_batches)
        stream->images -= stream->images % options->batch;
    stream->labelled = stream->dataset.classes > 0 && stream->dataset.classes == options->classes;
    snprintf(stream->text, sizeof stream->text, "%" PRId64 " of %" PRId64 " images of %s", stream->images, count, spec);
    if (stream->images == 0)
        status =
            vit_fail(VIT_EINVAL, "%s has %" PRId64 " images, less than one batch of %d", spec, count, options->batch);
    stream->index = choose(count, stream->images, options->seed);
    stream->label = calloc((size_t)options->batch, sizeof *stream->label);
    if (status == VIT_OK && (!stream->index || !stream->label))
        status = vit_fail(VIT_ENOMEM, "out of memory: a choice of %" PRId64 " images", count);
    if (status != VIT_OK)
        vit_image_stream_close(stream);
    return status;
}

void vit_image_stream_close(struct vit_image_stream *stream)
{
    free(stream->index);
    free(stream->label);
    vit_dataset_close(&stream->dataset);
    *stream = (struct vit_image_stream){0};
}

static void set_targets(const struct vit_image_stream *stream, const struct vit_graph *graph, int count)
{
    const int64_t classes = graph->targets->dim[1];
    memset(graph->targets->data, 0, vit_nbytes(graph->targets));
    for (int row = 0; row < count; row++)
        if (stream->label[row] >= 0)
            graph->targets->data[row * classes + stream->label[row]] = 1;
}

int vit_image_stream_next(struct vit_image_stream *stream, struct vit_graph *graph, int *count)
{
    const int64_t image = vit_numel(graph->input) / graph->batch;
    int status = VIT_OK;
    *count = 0;
    if (stream->seen == stream->images) {
        stream->seen = 0;
        return VIT_OK;
    }
    memset(graph->input->data, 0, vit_nbytes(graph->input));
    for (; *count < graph->batch && stream->seen < stream->images && status == VIT_OK; stream->seen++, ++*count) {
        struct vit_batch one = {.first = stream->index[stream->seen],
                                .count = 1,
                                .preprocess = &stream->preprocess,
                                .images = graph->input->data + *count * image,
                                .labels = &stream->label[*count]};
        status = vit_dataset_batch(&stream->dataset, &one);
        if (!stream->labelled)
            stream->label[*count] = -1;
    }
    if (graph->targets)
        set_targets(stream, graph, *count);
    return status;
}
