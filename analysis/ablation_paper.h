/* SPDX-License-Identifier: MIT */
/* ablation_paper.h - the paper's numbers of its ablations of M4: table6_ablation.csv, fig7_qk_v_ablation.csv. */
#pragma once

#include "reports/csv_read.h"

/* NaN: the file does not have it. */
struct vit_ablation_paper {
    double top1, gpu, onnx; /* %, images/s */
    const char *certainty;  /* lives as long as the file */
};

/* file: below reports/paper. On failure nothing is left to close. */
int vit_ablation_paper_open(struct vit_csv **csv, const char *file);

/* The row whose cells in the key columns (the second may be NULL) are `key`, with a slash between them. VIT_EFORMAT
 * where there is none. */
int vit_ablation_paper_find(struct vit_ablation_paper *paper, const struct vit_csv *csv,
                            const char *const key_column[2], const char *key);
