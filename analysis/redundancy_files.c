/* SPDX-License-Identifier: MIT */
#include "analysis/redundancy.h"

#include "analysis/output.h"
#include "model/base/status.h"

#include <stdlib.h>
#include <string.h>

static const struct vit_column similarity_columns[] = {
    {"number", VIT_INT, "", "of the model in this study, from 1"},
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "here, or random: the same network with the weights that training begins with"},
    {"block", VIT_INT, "", "attention block of the network, from 1"},
    {"name", VIT_TEXT, "", "its module"},
    {"head", VIT_INT, "", "from 0; in a cascade in its order"},
    {"other", VIT_INT, "", "head that it is compared with"},
    {"object", VIT_TEXT, "", "map (after the softmax), output (before the projection), value, query or key"},
    {"measure", VIT_TEXT, "", "cosine of rows or of the whole, or linear CKA"},
    {"value", VIT_REAL, "", "similarity, at most 1; empty: not defined"},
    {"low", VIT_REAL, "", "95 % interval over images, bootstrap"},
    {"high", VIT_REAL, "", "its upper end"},
    {"images", VIT_INT, "", "images"},
};

static const struct vit_column block_columns[] = {
    {"number", VIT_INT, "", "of the model in this study, from 1"},
    {"model", VIT_TEXT, "", "model"},
    {"source", VIT_TEXT, "", "here, random, or the paper that says so"},
    {"block", VIT_INT, "", "attention block, from 1; empty: mean over the blocks"},
    {"name", VIT_TEXT, "", "its module; empty for papers"},
    {"heads", VIT_INT, "", "heads; empty where not told"},
    {"windows", VIT_INT, "", "windows of an image"},
    {"tokens", VIT_INT, "", "tokens of a window"},
    {"object", VIT_TEXT, "", "what of a head is compared; empty where the paper does not tell"},
    {"measure", VIT_TEXT, "", "how; empty where the paper does not tell"},
    {"reduction", VIT_TEXT, "",
     "mean over pairs; mean_max: mean of each head's largest; max_max: the largest; image_: of each image, then "
     "averaged"},
    {"value", VIT_REAL, "", "similarity, at most 1; empty: not defined (a single head)"},
    {"low", VIT_REAL, "", "95 % interval over images, bootstrap; of a digitised figure: reading error"},
    {"high", VIT_REAL, "", "its upper end"},
    {"images", VIT_INT, "", "images; empty where not told"},
};

static const struct vit_column head_columns[] = {
    {"number", VIT_INT, "", "of the model in this study, from 1"},
    {"model", VIT_TEXT, "", "model"},
    {"block", VIT_INT, "", "attention block, from 1; empty: nothing is removed"},
    {"name", VIT_TEXT, "", "its module"},
    {"head", VIT_INT, "", "the head whose output is set to zero; empty: none"},
    {"loss", VIT_REAL, "", "mean cross entropy; empty without labels"},
    {"loss_change", VIT_REAL, "", "minus that of the whole network"},
    {"loss_change_low", VIT_REAL, "", "95 % interval over images, bootstrap"},
    {"loss_change_high", VIT_REAL, "", "its upper end"},
    {"top1_pct", VIT_REAL, "%", "accuracy; empty without labels"},
    {"top1_change_points", VIT_REAL, "", "minus that of the whole network, in percentage points"},
    {"logit_change_pct", VIT_REAL, "%", "distance of the logits from the whole network's, of their length"},
    {"logit_change_low_pct", VIT_REAL, "%", "95 % interval over images, bootstrap"},
    {"logit_change_high_pct", VIT_REAL, "%", "its upper end"},
    {"same_class_pct", VIT_REAL, "%", "images whose likeliest class stays"},
    {"map_similarity", VIT_REAL, "", "largest cosine of its attention map with another head's, of the whole"},
    {"output_similarity", VIT_REAL, "", "the same of its output"},
    {"images", VIT_INT, "", "images"},
};

static const struct vit_column correlation_columns[] = {
    {"number", VIT_INT, "", "of the model in this study, from 1"},
    {"model", VIT_TEXT, "", "model"},
    {"object", VIT_TEXT, "", "of the similarity: each head's largest with another head"},
    {"measure", VIT_TEXT, "", "of the similarity"},
    {"effect", VIT_TEXT, "", "of removing the head: loss_change or logit_change"},
    {"heads", VIT_INT, "", "heads of the network that have another beside them"},
    {"pearson", VIT_REAL, "", "correlation; negative: what resembles another head is missed less"},
    {"spearman", VIT_REAL, "", "rank correlation"},
};

#define SCHEMA(name, columns)                                  \
    {                                                          \
        name, 1, sizeof(columns) / sizeof(columns)[0], columns \
    }
static const struct vit_schema schemas[VIT_N_REDUNDANCY_FILES] = {
    SCHEMA("similarity", similarity_columns), SCHEMA("blocks", block_columns), SCHEMA("heads", head_columns),
    SCHEMA("correlation", correlation_columns)};

int vit_redundancy_files_open(struct vit_redundancy_files *files, const struct vit_options *options, const char *folder)
{
    char path[4200];
    *files = (struct vit_redundancy_files){.print = !vit_output_is_table(options)};
    int status = VIT_OK;
    for (int i = 0; i < VIT_N_REDUNDANCY_FILES && status == VIT_OK; i++) {
        snprintf(path, sizeof path, "%s/%s.csv", folder, schemas[i].name);
        status = vit_sink_open_csv(&files->sink[i], &schemas[i], path);
    }
    if (status == VIT_OK && files->print)
        status = vit_output_open(&files->printed, options, &schemas[VIT_REDUNDANCY_BLOCKS], NULL);
    if (status != VIT_OK)
        (void)vit_redundancy_files_close(files, status);
    return status;
}

int vit_redundancy_files_close(struct vit_redundancy_files *files, int status)
{
    for (int i = 0; i <= VIT_N_REDUNDANCY_FILES; i++) {
        struct vit_sink *sink = i < VIT_N_REDUNDANCY_FILES ? &files->sink[i] : &files->printed;
        if (!sink->def)
            continue;
        status = vit_sink_finish(sink, status);
    }
    return status;
}

int vit_redundancy_put_block(struct vit_redundancy_files *files, const struct vit_cell *row)
{
    int status = vit_sink_write(&files->sink[VIT_REDUNDANCY_BLOCKS], row);
    return status == VIT_OK && files->print ? vit_sink_write(&files->printed, row) : status;
}

/* Similarities of one set of weights, being written. */
struct writing {
    struct vit_redundancy_files *files;
    const struct vit_redundancy *r;
    const struct vit_head_similarity *similarity;
    const char *source;
    struct vit_head_question question;
    double *mean; /* (VIT_N_HEAD_REDUCTIONS, resamples + 1): sums over blocks, the value itself last */
};

static int write_pairs(const struct writing *w, const struct vit_head_answer *answer)
{
    const struct vit_head_block *block = &w->similarity->block[w->question.block];
    int status = VIT_OK;
    for (int i = 0; i < block->heads; i++)
        for (int j = 0; j < block->heads && status == VIT_OK; j++) {
            const int at = i * block->heads + j;
            const struct vit_cell row[] = {vit_int(w->r->number),
                                           vit_text(w->r->model),
                                           vit_text(w->source),
                                           vit_int(w->question.block + 1),
                                           vit_text(block->name),
                                           vit_int(i),
                                           vit_int(j),
                                           vit_text(vit_head_object_name(w->question.object)),
                                           vit_text(vit_head_measure_name(w->question.measure)),
                                           vit_defined(answer->matrix[at]),
                                           vit_defined(answer->bounds[at].low),
                                           vit_defined(answer->bounds[at].high),
                                           vit_int(w->similarity->images)};
            if (i != j)
                status = vit_sink_write(&w->files->sink[VIT_REDUNDANCY_SIMILARITY], row);
        }
    return status;
}

/* block NULL: the mean over blocks. Sorts the replicates. */
static int write_reduction(const struct writing *w, const struct vit_head_block *block, int reduction, double value,
                           double *replicate)
{
    const struct vit_interval bounds = vit_bootstrap_interval(replicate, w->r->bootstrap.resamples);
    const struct vit_cell row[] = {vit_int(w->r->number),
                                   vit_text(w->r->model),
                                   vit_text(w->source),
                                   block ? vit_int(w->question.block + 1) : vit_absent(),
                                   vit_text(block ? block->name : NULL),
                                   block ? vit_int(block->heads) : vit_absent(),
                                   block ? vit_int(block->windows) : vit_absent(),
                                   block ? vit_int(block->tokens) : vit_absent(),
                                   vit_text(vit_head_object_name(w->question.object)),
                                   vit_text(vit_head_measure_name(w->question.measure)),
                                   vit_text(vit_head_reduction_name((enum vit_head_reduction)reduction)),
                                   vit_defined(value),
                                   vit_defined(bounds.low),
                                   vit_defined(bounds.high),
                                   vit_int(w->similarity->images)};
    return vit_redundancy_put_block(w->files, row);
}

static int write_question(const struct writing *w)
{
    struct vit_head_answer answer;
    const int n = w->r->bootstrap.resamples;
    int status = vit_head_similarity_answer(w->similarity, w->question, &w->r->bootstrap, &answer);
    if (status != VIT_OK)
        return status;
    status = write_pairs(w, &answer);
    for (int r = 0; r < VIT_N_HEAD_REDUCTIONS && status == VIT_OK; r++) {
        double *mean = w->mean + r * (n + 1);
        for (int i = 0; i < n; i++)
            mean[i] += answer.replicate[r * n + i] / w->similarity->n_block;
        mean[n] += answer.value[r] / w->similarity->n_block;
        status =
            write_reduction(w, &w->similarity->block[w->question.block], r, answer.value[r], answer.replicate + r * n);
    }
    vit_head_answer_close(&answer);
    return status;
}

static int write_similarities(struct vit_redundancy_files *files, const struct vit_redundancy *r,
                              const struct vit_head_similarity *similarity, const char *source)
{
    const int n = r->bootstrap.resamples;
    const size_t sums = VIT_N_HEAD_REDUCTIONS * ((size_t)n + 1);
    struct writing w = {.files = files, .r = r, .similarity = similarity, .source = source};
    w.mean = calloc(sums, sizeof *w.mean);
    int status = w.mean ? VIT_OK : vit_fail(VIT_ENOMEM, "out of memory: means over blocks");
    for (int cell = 0; cell < VIT_N_HEAD_OBJECTS * VIT_N_HEAD_MEASURES && status == VIT_OK; cell++) {
        memset(w.mean, 0, sums * sizeof *w.mean);
        w.question.object = (enum vit_head_object)(cell / VIT_N_HEAD_MEASURES);
        w.question.measure = (enum vit_head_measure)(cell % VIT_N_HEAD_MEASURES);
        for (w.question.block = 0; w.question.block < similarity->n_block && status == VIT_OK; w.question.block++)
            status = write_question(&w);
        for (int k = 0; k < VIT_N_HEAD_REDUCTIONS && status == VIT_OK; k++)
            status = write_reduction(&w, NULL, k, w.mean[k * (n + 1) + n], w.mean + k * (n + 1));
    }
    free(w.mean);
    return status;
}

int vit_redundancy_write(struct vit_redundancy_files *files, const struct vit_redundancy *r)
{
    int status = write_similarities(files, r, &r->here, "here");
    if (status == VIT_OK && r->has_random)
        status = write_similarities(files, r, &r->random, "random");
    if (status == VIT_OK && r->published)
        status = vit_redundancy_write_paper(files, r);
    return status == VIT_OK ? vit_redundancy_write_heads(files, r) : status;
}
