/* SPDX-License-Identifier: MIT */
/* redundancy_heads.c - what the network loses with each head, and whether heads that resemble others are missed less.
 */
#include "analysis/correlation.h"
#include "analysis/redundancy.h"
#include "model/base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a head stands: its block, and the largest similarity with another. */
static int block_of(const struct vit_redundancy *r, int head)
{
    const struct vit_region *region = r->removal.region[head];
    for (int b = 0; b < r->here.n_block; b++)
        if (strcmp(r->here.block[b].name, region->block) == 0)
            return b;
    return -1;
}

static int largest_similarity(const struct vit_redundancy *r, int head, struct vit_head_question question,
                              double *largest)
{
    question.block = block_of(r, head);
    const int heads = r->here.block[question.block].heads;
    double *matrix = calloc((size_t)(heads * heads), sizeof *matrix);
    int status = matrix ? vit_head_similarity_matrix(&r->here, question, matrix)
                        : vit_fail(VIT_ENOMEM, "out of memory: similarity of %d heads", heads);
    if (status == VIT_OK)
        *largest = vit_head_similarity_largest(matrix, heads, r->removal.region[head]->site.head);
    free(matrix);
    return status;
}

static int write_head(struct vit_redundancy_files *files, const struct vit_redundancy *r, int head)
{
    struct vit_head_effect e;
    double map = (double)NAN, output = (double)NAN;
    const bool whole = head < 0;
    const int block = whole ? -1 : block_of(r, head);
    int status = vit_head_removal_effect(&r->removal, head, &r->bootstrap, &e);
    if (status == VIT_OK && !whole)
        status = largest_similarity(r, head, (struct vit_head_question){0, VIT_HEAD_MAP, VIT_HEAD_COSINE_WHOLE}, &map);
    if (status == VIT_OK && !whole)
        status =
            largest_similarity(r, head, (struct vit_head_question){0, VIT_HEAD_OUTPUT, VIT_HEAD_COSINE_WHOLE}, &output);
    if (status != VIT_OK)
        return status;
    const struct vit_cell none = vit_absent();
    const struct vit_cell row[] = {vit_int(r->number),
                                   vit_text(r->model),
                                   whole ? none : vit_int(block + 1),
                                   vit_text(whole ? NULL : r->here.block[block].name),
                                   whole ? none : vit_int(r->removal.region[head]->site.head),
                                   vit_defined(e.loss),
                                   whole ? none : vit_defined(e.loss_change),
                                   whole ? none : vit_defined(e.loss_change_bounds.low),
                                   whole ? none : vit_defined(e.loss_change_bounds.high),
                                   vit_defined(100 * e.accuracy),
                                   whole ? none : vit_defined(100 * e.accuracy_change),
                                   whole ? none : vit_defined(100 * e.logit_change),
                                   whole ? none : vit_defined(100 * e.logit_change_bounds.low),
                                   whole ? none : vit_defined(100 * e.logit_change_bounds.high),
                                   whole ? none : vit_defined(100 * e.same),
                                   vit_defined(map),
                                   vit_defined(output),
                                   vit_int(r->removal.images)};
    return vit_sink_write(&files->sink[VIT_REDUNDANCY_HEADS], row);
}

/* Of all heads that have another beside them. */
struct pairs {
    double *similarity, *loss, *logits;
    int n;
};

static int gather_pairs(const struct vit_redundancy *r, struct vit_head_question question, struct pairs *p)
{
    int status = VIT_OK;
    p->n = 0;
    for (int head = 0; head < r->removal.n && status == VIT_OK; head++) {
        const struct vit_head_loss *whole = r->removal.result, *without = whole + (head + 1) * r->removal.capacity;
        status = largest_similarity(r, head, question, &p->similarity[p->n]);
        if (isnan(p->similarity[p->n]))
            continue;
        p->loss[p->n] = p->logits[p->n] = 0;
        for (int64_t i = 0; i < r->removal.images; i++) {
            p->loss[p->n] += without[i].loss - whole[i].loss;
            p->logits[p->n] += without[i].logit_change;
        }
        p->n++;
    }
    return status;
}

static int open_pairs(const struct vit_redundancy *r, struct pairs *p)
{
    const size_t n = (size_t)r->removal.n;
    *p = (struct pairs){.similarity = calloc(3 * n + 1, sizeof(double))};
    if (!p->similarity)
        return vit_fail(VIT_ENOMEM, "out of memory: correlations");
    p->loss = p->similarity + n;
    p->logits = p->loss + n;
    return VIT_OK;
}

static int write_correlation(struct vit_redundancy_files *files, const struct vit_redundancy *r,
                             struct vit_head_question question, struct pairs *p)
{
    int status = gather_pairs(r, question, p);
    for (int effect = 0; effect < 2 && status == VIT_OK; effect++) {
        const double *y = effect ? p->logits : p->loss;
        double spearman;
        if (!effect && !r->labelled)
            continue;
        status = vit_correlation_spearman(p->similarity, y, p->n, &spearman);
        if (status != VIT_OK)
            break;
        const struct vit_cell row[] = {vit_int(r->number),
                                       vit_text(r->model),
                                       vit_text(vit_head_object_name(question.object)),
                                       vit_text(vit_head_measure_name(question.measure)),
                                       vit_text(effect ? "logit_change" : "loss_change"),
                                       vit_int(p->n),
                                       vit_defined(vit_correlation_pearson(p->similarity, y, p->n)),
                                       vit_defined(spearman)};
        status = vit_sink_write(&files->sink[VIT_REDUNDANCY_CORRELATION], row);
    }
    return status;
}

static int write_correlations(struct vit_redundancy_files *files, const struct vit_redundancy *r)
{
    struct pairs pairs;
    int status = open_pairs(r, &pairs);
    if (status != VIT_OK)
        return status;
    for (int cell = 0; cell < VIT_N_HEAD_OBJECTS * VIT_N_HEAD_MEASURES && status == VIT_OK; cell++)
        status = write_correlation(files, r,
                                   (struct vit_head_question){0, (enum vit_head_object)(cell / VIT_N_HEAD_MEASURES),
                                                              (enum vit_head_measure)(cell % VIT_N_HEAD_MEASURES)},
                                   &pairs);
    free(pairs.similarity);
    return status;
}

int vit_redundancy_correlation(const struct vit_redundancy *r, enum vit_head_object object, double *spearman)
{
    struct pairs pairs;
    int status = open_pairs(r, &pairs);
    if (status != VIT_OK)
        return status;
    status = gather_pairs(r, (struct vit_head_question){0, object, VIT_HEAD_COSINE_WHOLE}, &pairs);
    if (status == VIT_OK)
        status = vit_correlation_spearman(pairs.similarity, r->labelled ? pairs.loss : pairs.logits, pairs.n, spearman);
    free(pairs.similarity);
    return status;
}

int vit_redundancy_write_heads(struct vit_redundancy_files *files, const struct vit_redundancy *r)
{
    int status = VIT_OK;
    for (int head = -1; head < r->removal.n && status == VIT_OK; head++)
        status = write_head(files, r, head);
    return status == VIT_OK ? write_correlations(files, r) : status;
}
