/* SPDX-License-Identifier: MIT */
/* image_stream.h - images of a dataset, batch by batch, as the input of a graph: what studies run models on. */
#pragma once

#include "model/data/dataset.h"
#include "model/graph.h"

struct vit_image_stream {
    struct vit_dataset dataset;
    struct vit_preprocess preprocess;
    int64_t *index; /* (images): which of the dataset */
    int64_t images; /* of one pass */
    int64_t seen;   /* in this pass */
    bool labelled;  /* whether labels are classes of the model */
    int *label;     /* (batch): of the images at hand */
    char text[512]; /* "128 of 10000 images of fashion-mnist, drawn with seed 1" */
};

struct vit_image_stream_options {
    const char *spec; /* of the dataset (model/data/dataset.h); NULL: generated patterns, synthetic */
    int64_t images;   /* 0, or more than there are: all */
    struct vit_preprocess preprocess;
    int batch, classes; /* of the graphs to fill */
    bool whole_batches; /* leaves out the last images that do not fill a batch */
    uint64_t seed;
};

/* Which images: drawn without replacement by (seed, VIT_RNG_STUDY), in the order of the dataset. A dataset whose labels
 * are not classes of the model (another number of classes, or none) gives no labels. A broken image fails. On failure
 * nothing is left to close. */
int vit_image_stream_open(struct vit_image_stream *stream, const struct vit_image_stream_options *options);
void vit_image_stream_close(struct vit_image_stream *stream);

/* The next images of the pass: the graph's input, stream->label (-1: not known), and the graph's targets where it has
 * them; rows from *count on are zeros. *count is 0 at the end of the pass, and the next call begins another. */
int vit_image_stream_next(struct vit_image_stream *stream, struct vit_graph *graph, int *count);
