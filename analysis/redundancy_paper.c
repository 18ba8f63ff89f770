/* SPDX-License-Identifier: MIT */
/* redundancy_paper.c - published similarities of heads, as rows beside those of this machine. */
#include "analysis/redundancy.h"
#include "model/base/status.h"
#include "reports/csv_read.h"
#include "reports/data_dir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A paper's table of similarities, by model and block. */
struct paper_table {
    const char *file, *value, *block, *detail, *error; /* columns; error may be NULL */
    const char *heads;                                 /* column, or NULL: not told */
    const char *source, *object, *reduction;
};

static const struct paper_table paper_tables[] = {
    {"paper/fig4_head_similarity.csv", "avg_max_cosine_similarity_pct", "block", "head_input", "abs_uncertainty", NULL,
     "Fig. 4", NULL, "mean_max"},
    {"paper/shvit_head_similarity.csv", "avg_cosine_similarity_pct", "layer", "heads", NULL, "heads", "SHViT", "map",
     "mean"},
};

static int write_paper_row(struct vit_redundancy_files *files, const struct vit_redundancy *r,
                           const struct paper_table *table, const struct vit_csv *csv, int64_t row)
{
    int model, detail, column;
    char source[160];
    struct vit_cell value, block, error = vit_absent(), heads = vit_absent();
    int status = vit_csv_find(csv, "model", &model);
    if (status == VIT_OK)
        status = vit_csv_find(csv, table->detail, &detail);
    if (status == VIT_OK)
        status = vit_csv_find(csv, table->value, &column);
    if (status == VIT_OK)
        status = vit_csv_real(csv, row, column, &value);
    if (status == VIT_OK)
        status = vit_csv_find(csv, table->block, &column);
    if (status != VIT_OK)
        return status;
    const char *name = vit_csv_text(csv, row, model), *text = vit_csv_text(csv, row, column);
    if (!name || strncasecmp(name, r->family, strlen(r->family)) != 0 || !value.present)
        return VIT_OK;
    const bool whole = !text || strncmp(text, "mean", strlen("mean")) == 0;
    status = whole ? VIT_OK : vit_csv_int(csv, row, column, &block);
    if (status == VIT_OK && table->error && (status = vit_csv_find(csv, table->error, &column)) == VIT_OK)
        status = vit_csv_real(csv, row, column, &error);
    if (status == VIT_OK && table->heads && (status = vit_csv_find(csv, table->heads, &column)) == VIT_OK)
        status = vit_csv_int(csv, row, column, &heads);
    if (status != VIT_OK)
        return status;
    snprintf(source, sizeof source, "%s: %s %s%s", table->source, name, vit_csv_text(csv, row, detail),
             table->heads ? " heads" : "");
    const double width = error.present ? error.r / 100 : (double)NAN;
    const struct vit_cell cells[] = {vit_int(r->number),
                                     vit_text(r->model),
                                     vit_text(source),
                                     whole ? vit_absent() : block,
                                     vit_absent(),
                                     heads,
                                     vit_absent(),
                                     vit_absent(),
                                     vit_text(table->object),
                                     vit_absent(),
                                     vit_text(table->reduction),
                                     vit_real_cell(value.r / 100),
                                     vit_defined(value.r / 100 - width),
                                     vit_defined(value.r / 100 + width),
                                     vit_absent()};
    return vit_redundancy_put_block(files, cells);
}

bool vit_redundancy_is_published(const struct vit_model_def *model)
{
    static const char *const networks[] = {"deit_tiny", "swin_tiny"};
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        const struct vit_model_def *known = vit_model_find(networks[i]);
        if (known && known->family == model->family &&
            memcmp(known->config.embed_dim, model->config.embed_dim, sizeof known->config.embed_dim) == 0 &&
            memcmp(known->config.depth, model->config.depth, sizeof known->config.depth) == 0)
            return true;
    }
    return false;
}

/* The published numbers of the network. */
int vit_redundancy_write_paper(struct vit_redundancy_files *files, const struct vit_redundancy *r)
{
    int status = VIT_OK;
    for (size_t i = 0; i < sizeof paper_tables / sizeof paper_tables[0] && status == VIT_OK; i++) {
        char path[4096];
        struct vit_csv *csv;
        status = vit_data_path(path, sizeof path, paper_tables[i].file);
        if (status == VIT_OK)
            status = vit_csv_open(&csv, path);
        if (status != VIT_OK)
            return status;
        for (int64_t row = 0; row < vit_csv_rows(csv) && status == VIT_OK; row++)
            status = write_paper_row(files, r, &paper_tables[i], csv, row);
        vit_csv_close(csv);
    }
    return status;
}

int vit_redundancy_read_paper(const char *family, const char *head_input, double *value, int blocks)
{
    static const char *const names[] = {"model", "head_input", "block", "avg_max_cosine_similarity_pct"};
    enum { MODEL, INPUT, BLOCK, VALUE, N };
    char path[4096];
    struct vit_csv *csv;
    int column[N], status = vit_data_path(path, sizeof path, paper_tables[0].file);
    for (int b = 0; b < blocks; b++)
        value[b] = (double)NAN;
    if (status == VIT_OK)
        status = vit_csv_open(&csv, path);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < N && status == VIT_OK; i++)
        status = vit_csv_find(csv, names[i], &column[i]);
    for (int64_t row = 0; status == VIT_OK && row < vit_csv_rows(csv); row++) {
        const char *model = vit_csv_text(csv, row, column[MODEL]), *input = vit_csv_text(csv, row, column[INPUT]);
        const char *text = vit_csv_text(csv, row, column[BLOCK]);
        const int block = text ? atoi(text) : 0;
        struct vit_cell cell;
        if (!model || !input || strncasecmp(model, family, strlen(family)) != 0 || strcmp(input, head_input) != 0 ||
            block < 1 || block > blocks)
            continue;
        status = vit_csv_real(csv, row, column[VALUE], &cell);
        if (status == VIT_OK && cell.present)
            value[block - 1] = cell.r;
    }
    vit_csv_close(csv);
    return status;
}
