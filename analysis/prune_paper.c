/* SPDX-License-Identifier: MIT */
#include "analysis/prune_paper.h"

#include "analysis/channel_group.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"

#include <math.h>
#include <stdlib.h>

enum { N_KINDS = 3, N_COLUMNS = 2 * N_KINDS };
static const char *const columns[N_COLUMNS] = {"qk_ratio_original", "qk_ratio_pruned",    "v_ratio_original",
                                               "v_ratio_pruned",    "ffn_ratio_original", "ffn_ratio_pruned"};

static int read_row(struct vit_prune_paper_block *block, const struct vit_csv *csv, int64_t row)
{
    int status = VIT_OK, column;
    for (int i = 0; i < N_COLUMNS && status == VIT_OK; i++) {
        struct vit_cell cell;
        status = vit_csv_find(csv, columns[i], &column);
        if (status == VIT_OK)
            status = vit_csv_real(csv, row, column, &cell);
        if (status == VIT_OK)
            (i % 2 ? block->after : block->before)[i / 2] = cell.present ? cell.r : (double)NAN;
    }
    if (status == VIT_OK)
        status = vit_csv_find(csv, "abs_uncertainty", &column);
    if (status != VIT_OK)
        return status;
    const char *error = vit_csv_text(csv, row, column); /* words may follow the number */
    block->error = error ? strtod(error, NULL) : (double)NAN;
    return VIT_OK;
}

int vit_prune_read_paper(struct vit_prune_paper_block block[VIT_PRUNE_PAPER_BLOCKS])
{
    char path[4096];
    struct vit_csv *csv;
    int status = vit_data_path(path, sizeof path, "paper/fig5_taylor_pruning.csv");
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    if (vit_csv_rows(csv) != VIT_PRUNE_PAPER_BLOCKS)
        status = vit_fail(VIT_EFORMAT, "%s: has %d rows, not one for each of %d blocks", path, (int)vit_csv_rows(csv),
                          VIT_PRUNE_PAPER_BLOCKS);
    for (int i = 0; i < VIT_PRUNE_PAPER_BLOCKS && status == VIT_OK; i++)
        status = read_row(&block[i], csv, i);
    vit_csv_close(csv);
    return status;
}

static int channels(double ratio, double width)
{
    const long long n = llround(ratio * width);
    return n < 1 ? 1 : (int)n;
}

int vit_prune_paper_network(struct vit_model_choice *choice)
{
    struct vit_prune_paper_block paper[VIT_PRUNE_PAPER_BLOCKS];
    int status = vit_prune_read_paper(paper);
    if (status == VIT_OK)
        status = vit_model_choose(choice, "swin_tiny");
    if (status != VIT_OK)
        return status;
    struct vit_model_config *c = &choice->model.config;
    for (int stage = 0, block = 0; stage < c->stages; stage++)
        for (int i = 0; i < c->depth[stage]; i++, block++) {
            const double width = c->embed_dim[stage], of_head = width / c->heads[stage];
            c->width[block].heads = c->heads[stage];
            c->width[block].qk_dim = channels(paper[block].after[VIT_GROUP_QK], of_head);
            c->width[block].v_dim = channels(paper[block].after[VIT_GROUP_V], of_head);
            c->width[block].ffn_dim[0] = channels(paper[block].after[VIT_GROUP_FFN], width);
        }
    return vit_model_change(choice, NULL);
}
