/* SPDX-License-Identifier: MIT */
/* reproduce_fig7.c - Fig. 7: width of query and key, and of the value, in the heads of EfficientViT-M4. */
#include "analysis/ablation.h"

static const struct vit_ablation_row rows[] = {
    {"qk16", "QK 16", "", "qk_dim_per_head/16", 16},
    {"qk4", "QK 4", "qk_dim=4", "qk_dim_per_head/4", 4},
    {"qk8", "QK 8", "qk_dim=8", "qk_dim_per_head/8", 8},
    {"qk32", "QK 32", "qk_dim=32", "qk_dim_per_head/32", 32},
    {"qk64", "QK 64", "qk_dim=64", "qk_dim_per_head/64", 64},
    {"v0.4", "V 0.4", "v_ratio=0.4", "v_dim_ratio_to_input/0.4", 0.4},
    {"v0.6", "V 0.6", "v_ratio=0.6", "v_dim_ratio_to_input/0.6", 0.6},
    {"v0.8", "V 0.8", "v_ratio=0.8", "v_dim_ratio_to_input/0.8", 0.8},
    {"v1.0", "V 1.0", "", "v_dim_ratio_to_input/1.0", 1},
    {"v1.2", "V 1.2", "v_ratio=1.2", "v_dim_ratio_to_input/1.2", 1.2},
};

static struct vit_ablation ablation = {.row = rows,
                                       .n = sizeof rows / sizeof rows[0],
                                       .paper_file = "fig7_qk_v_ablation.csv",
                                       .paper_key = {"factor", "value"}};

static int plan(struct vit_reproduction *r)
{
    return vit_ablation_plan(&ablation, r);
}

static int finish(struct vit_reproduction *r)
{
    return vit_ablation_finish(&ablation, r);
}

const struct vit_reproduction_def vit_reproduction_fig7 = {
    .name = "fig7",
    .title = "Fig. 7: widths of query, key and value in EfficientViT-M4",
    .detail =
        "  As table6, with the width of query and key of a head (4 to 64) and of its value (0.4 to 1.2 of the slice\n"
        "  that it sees) changed. quick, normal and full as there.\n",
    .plan = plan,
    .finish = finish,
};
