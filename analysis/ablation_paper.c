/* SPDX-License-Identifier: MIT */
#include "analysis/ablation_paper.h"

#include "model/base/status.h"
#include "reports/data_dir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int vit_ablation_paper_open(struct vit_csv **csv, const char *file)
{
    char path[4096], relative[128];
    snprintf(relative, sizeof relative, "paper/%s", file);
    int status = vit_data_path(path, sizeof path, relative);
    return status == VIT_OK ? vit_csv_open(csv, path) : status;
}

static bool is_row(const struct vit_csv *csv, int64_t row, const int at[2], const char *key)
{
    char text[128];
    const char *first = vit_csv_text(csv, row, at[0]), *second = at[1] < 0 ? NULL : vit_csv_text(csv, row, at[1]);
    snprintf(text, sizeof text, "%s%s%s", first ? first : "", second ? "/" : "", second ? second : "");
    return strcmp(text, key) == 0;
}

/* NaN where the file has no such column. */
static int read(const struct vit_csv *csv, int64_t row, const char *column, double *number)
{
    struct vit_cell cell = vit_absent();
    int status = VIT_OK;
    for (int c = 0; c < vit_csv_columns(csv); c++)
        if (strcmp(vit_csv_name(csv, c), column) == 0)
            status = vit_csv_real(csv, row, c, &cell);
    *number = cell.present ? cell.r : NAN;
    return status;
}

int vit_ablation_paper_find(struct vit_ablation_paper *paper, const struct vit_csv *csv,
                            const char *const key_column[2], const char *key)
{
    int at[2] = {-1, -1}, certainty, status = vit_csv_find(csv, key_column[0], &at[0]);
    if (status == VIT_OK && key_column[1])
        status = vit_csv_find(csv, key_column[1], &at[1]);
    if (status == VIT_OK)
        status = vit_csv_find(csv, "certainty", &certainty);
    for (int64_t row = 0; status == VIT_OK && row < vit_csv_rows(csv); row++) {
        if (!is_row(csv, row, at, key))
            continue;
        paper->certainty = vit_csv_text(csv, row, certainty);
        status = read(csv, row, "top1_pct_100ep", &paper->top1);
        if (status == VIT_OK)
            status = read(csv, row, "gpu_img_per_s", &paper->gpu);
        return status == VIT_OK ? read(csv, row, "onnx_img_per_s", &paper->onnx) : status;
    }
    return status == VIT_OK ? vit_fail(VIT_EFORMAT, "the paper's ablations have no row %s", key) : status;
}
