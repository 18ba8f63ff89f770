/* SPDX-License-Identifier: MIT */
/* ablation.h - variants of EfficientViT-M4 beside it, as the paper's table 6 and Fig. 7 have them. Each is built at
 * full size in two forms: as it is (unscaled), and scaled in width and depth to the baseline's throughput (matched),
 * which the paper evidently did in a way that it does not tell. From budget normal on both forms of a network of a
 * quarter of the widths learn small images: accuracy by proxy. */
#pragma once

#include "analysis/variant.h"

enum { VIT_MOST_ABLATIONS = 16 };
enum { VIT_UNSCALED, VIT_MATCHED, VIT_ABLATION_FORMS };
enum { VIT_FULL_SIZE, VIT_PROXY, VIT_ABLATION_NETWORKS };

extern const char *const vit_ablation_forms[VIT_ABLATION_FORMS]; /* "unscaled", "matched" */

struct vit_ablation_row {
    const char *name;   /* in names of results: "no_cascade" */
    const char *label;  /* in figures */
    const char *change; /* settings on top of M4; "": the baseline, as the first row is */
    const char *paper;  /* its row in the paper's file, by the key columns, between slashes */
    double x;           /* on the axis of a figure that has one */
};

/* One figure or table. */
struct vit_ablation {
    const struct vit_ablation_row *row;
    int n;
    const char *paper_file, *paper_key[2];
    struct vit_variant variant[VIT_MOST_ABLATIONS][VIT_ABLATION_FORMS][VIT_ABLATION_NETWORKS]; /* contexts of units */
};

int vit_ablation_plan(struct vit_ablation *ablation, struct vit_reproduction *reproduction);

/* NULL when it was not planned. The baseline is matched as it is. */
const struct vit_unit *vit_ablation_unit(const struct vit_reproduction *reproduction,
                                         const struct vit_ablation_row *row, int form, int network);

/* Adds results NAME.FORM.QUANTITY: speed_delta_pct (with its noise floor: M4 in pairs with itself; M4 is 0),
 * params_delta_pct, macs_delta_pct, compulsory_bytes_delta_pct, and from budget normal on proxy_top1_pct,
 * proxy_top1_delta_points; writes FIGURE.csv and draws reports/plots/FIGURE.gp.
 */
int vit_ablation_finish(const struct vit_ablation *ablation, struct vit_reproduction *reproduction);
