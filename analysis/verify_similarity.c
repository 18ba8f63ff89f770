/* SPDX-License-Identifier: MIT */
/* verify_similarity.c - of fixtures of kind "model": cosines between the attention maps of a block's heads. */
#include "analysis/head_similarity.h"
#include "analysis/verification.h"
#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

/* Cosines of heads are means of many products: float32 maps, good to 1e-6 of themselves, give them to 1e-6. */
static double tolerance(void)
{
    return sizeof(vit_real) == sizeof(double) ? 1e-12 : 1e-5;
}

struct matrices {
    const double *rows, *whole; /* (heads, heads) */
    int heads;
};

/* Cosines are listed with 9 digits, maxima with 12; they are at most 1. */
static void compare_matrices(struct vit_tally *tally, const struct cJSON *record, const struct matrices *m)
{
    const int heads = m->heads;
    const char *block = vit_fixture_text(record, "block");
    int i = 0, j = 0;
    for (const struct cJSON *row = vit_fixture_first(vit_fixture_member(record, "cos")); row && i < heads;
         row = vit_fixture_next(row), i++, j = 0)
        for (const struct cJSON *item = vit_fixture_first(row); item && j < heads; item = vit_fixture_next(item), j++)
            vit_tally_compare(tally, (struct vit_expected){m->rows[i * heads + j], vit_fixture_value(item), 1, 9},
                              "%s cos[%d][%d]", block, i, j);
    vit_tally_equal(tally, i, heads, "%s cos heads", block);
    static const char *const names[] = {"max_other", "max_other_map"};
    for (int k = 0; k < 2; k++) {
        int head = 0;
        for (const struct cJSON *item = vit_fixture_first(vit_fixture_member(record, names[k])); item && head < heads;
             item = vit_fixture_next(item), head++)
            vit_tally_compare(tally,
                              (struct vit_expected){vit_head_similarity_largest(k ? m->whole : m->rows, heads, head),
                                                    vit_fixture_value(item), 1, 12},
                              "%s %s[%d]", block, names[k], head);
        vit_tally_equal(tally, head, heads, "%s %s heads", block, names[k]);
    }
}

/* rows, whole: (heads, heads). */
static int compare_block(struct vit_tally *tally, const struct cJSON *record,
                         const struct vit_head_similarity *similarity, int block)
{
    const int heads = similarity->block[block].heads;
    double *rows = calloc((size_t)(heads * heads), sizeof *rows),
           *whole = calloc((size_t)(heads * heads), sizeof *whole);
    int status = rows && whole ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: similarity of heads");
    struct vit_head_question question = {block, VIT_HEAD_MAP, VIT_HEAD_COSINE_ROWS};
    if (status == VIT_OK)
        status = vit_head_similarity_matrix(similarity, question, rows);
    question.measure = VIT_HEAD_COSINE_WHOLE;
    if (status == VIT_OK)
        status = vit_head_similarity_matrix(similarity, question, whole);
    if (status == VIT_OK)
        compare_matrices(tally, record, &(struct matrices){rows, whole, heads});
    free(rows);
    free(whole);
    return status;
}

int vit_verify_similarity(struct vit_verification *v, const struct cJSON *list, const struct vit_graph *graph)
{
    struct vit_head_similarity similarity;
    if (!list)
        return VIT_OK;
    struct vit_tally *tally = vit_verification_tally(v, "similarity", tolerance());
    int status = vit_head_similarity_open(&similarity, graph, graph->batch);
    if (status != VIT_OK)
        return status;
    status = vit_head_similarity_add(&similarity, graph, graph->batch, NULL);
    vit_tally_equal(tally, similarity.n_block, vit_fixture_length(list), "attention blocks");
    for (const struct cJSON *item = vit_fixture_first(list); item && status == VIT_OK; item = vit_fixture_next(item)) {
        const char *name = vit_fixture_text(item, "block");
        int block = similarity.n_block - 1;
        while (name && block >= 0 && strcmp(similarity.block[block].name, name) != 0)
            block--;
        if (name && block >= 0)
            status = compare_block(tally, item, &similarity, block);
        else
            vit_tally_equal(tally, 0, 1, "similarity %s is not in the graph", name ? name : "?");
    }
    vit_head_similarity_close(&similarity);
    return status;
}
