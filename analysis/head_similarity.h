/* SPDX-License-Identifier: MIT */
/* head_similarity.h - how alike the heads of an attention block are (the paper's Fig. 4), gathered image by image from
 * the regions of a graph: the same numbers whether images come one by one or in batches. Heads are compared within each
 * window of each image; an image counts the mean over its windows, and all images count the same. */
#pragma once

#include "analysis/bootstrap.h"
#include "model/graph.h"

struct vit_parallel;

/* What of a head is compared: tokens x features. */
#define VIT_HEAD_OBJECT_LIST(X)                                                         \
    X(MAP, "map", SCORE)         /* attention after the softmax: queries x keys */      \
    X(OUTPUT, "output", CONTEXT) /* attention-weighted values, before the projection */ \
    X(VALUE, "value", VALUE)                                                            \
    X(QUERY, "query", QUERY)                                                            \
    X(KEY, "key", KEY)

enum vit_head_object {
#define X(id, text, role) VIT_HEAD_##id,
    VIT_HEAD_OBJECT_LIST(X)
#undef X
        VIT_N_HEAD_OBJECTS
};

/* How. COSINE_ROWS: mean over tokens of the cosine of the two heads' rows. COSINE_WHOLE: cosine of all rows flattened
 * to one vector. CKA: linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414) of the tokens of a
 * window, by the unbiased estimator HSIC_1 (Song et al. 2012) averaged over windows and images before the ratio is
 * taken (Nguyen et al. 2020, arXiv 2010.15327, eq. 3); NaN where a window has fewer than four tokens. A cosine with a
 * vector of zeros is 0. */
#define VIT_HEAD_MEASURE_LIST(X)    \
    X(COSINE_ROWS, "cosine_rows")   \
    X(COSINE_WHOLE, "cosine_whole") \
    X(CKA, "linear_cka")

enum vit_head_measure {
#define X(id, text) VIT_HEAD_##id,
    VIT_HEAD_MEASURE_LIST(X)
#undef X
        VIT_N_HEAD_MEASURES
};

/* One number from a matrix of heads: the mean over pairs, the mean over heads of each head's largest ("average
 * maximum", the caption of Fig. 4), the largest of all (the authors' answer). IMAGE_: of each image's own matrix, then
 * averaged over images; else of the matrix averaged over images. A maximum grows with the number of heads: models with
 * other numbers of heads do not compare by it. */
#define VIT_HEAD_REDUCTION_LIST(X)      \
    X(MEAN, "mean")                     \
    X(MEAN_MAX, "mean_max")             \
    X(MAX_MAX, "max_max")               \
    X(IMAGE_MEAN_MAX, "image_mean_max") \
    X(IMAGE_MAX_MAX, "image_max_max")

enum vit_head_reduction {
#define X(id, text) VIT_HEAD_##id,
    VIT_HEAD_REDUCTION_LIST(X)
#undef X
        VIT_N_HEAD_REDUCTIONS
};

const char *vit_head_object_name(enum vit_head_object object);
const char *vit_head_measure_name(enum vit_head_measure measure);
const char *vit_head_reduction_name(enum vit_head_reduction reduction);

struct vit_head_block {
    char name[96]; /* of the attention module */
    struct vit_site site;
    int heads;
    int64_t windows, tokens; /* windows of one image */
    int64_t at;              /* of its sums in those of an image */
};

struct vit_head_similarity {
    int n_block;
    struct vit_head_block *block;
    int64_t images, capacity; /* seen so far */
    int64_t stride;           /* numbers for each image */
    double *sum; /* (capacity, stride): for each block, object, measure the pairs of heads i <= j, means over windows */
};

/* Finds the attention blocks of a graph. VIT_ENOTSUP where the graph (a fused one) does not compute all five objects of
 * every block: build one that does. On failure nothing is left to close. */
int vit_head_similarity_open(struct vit_head_similarity *similarity, const struct vit_graph *graph, int64_t images);
void vit_head_similarity_close(struct vit_head_similarity *similarity);

/* Adds the first `count` images of the batch that the graph has just computed, with a plan that keeps taps. The graph
 * is that of open, or one of the same model. At most `images` of open. pool may be NULL. */
int vit_head_similarity_add(struct vit_head_similarity *similarity, const struct vit_graph *graph, int count,
                            struct vit_parallel *pool);

/* One question to it. */
struct vit_head_question {
    int block;
    enum vit_head_object object;
    enum vit_head_measure measure;
};

/* matrix (heads, heads): mean over images. */
int vit_head_similarity_matrix(const struct vit_head_similarity *similarity, struct vit_head_question question,
                               double *matrix);

/* The largest of a head's row of a matrix, itself left out; NaN with a single head. */
double vit_head_similarity_largest(const double *matrix, int heads, int head);

/* Reduces one matrix, IMAGE_ reductions like the others; NaN with a single head. */
double vit_head_similarity_reduce(enum vit_head_reduction reduction, const double *matrix, int heads);

/* The answer with the intervals that a bootstrap over the images gives. */
struct vit_head_answer {
    double *matrix;              /* (heads, heads) */
    struct vit_interval *bounds; /* (heads, heads) */
    double value[VIT_N_HEAD_REDUCTIONS];
    double *replicate; /* (VIT_N_HEAD_REDUCTIONS, resamples): value in each resample, in their order */
};
int vit_head_similarity_answer(const struct vit_head_similarity *similarity, struct vit_head_question question,
                               const struct vit_bootstrap *bootstrap, struct vit_head_answer *answer);
void vit_head_answer_close(struct vit_head_answer *answer);
