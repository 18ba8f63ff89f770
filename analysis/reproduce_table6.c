/* SPDX-License-Identifier: MIT */
/* reproduce_table6.c - Table 6: what each part of EfficientViT-M4 is worth. */
#include "analysis/ablation.h"

static const struct vit_ablation_row rows[] = {
    {"baseline", "EfficientViT-M4", "", "1", 0},
    {"swin_block", "sandwich -> Swin block", "block=swin", "2", 0},
    {"sandwich_2", "N: 1 -> 2", "sandwich=2", "3", 0},
    {"sandwich_3", "N: 1 -> 3", "sandwich=3", "4", 0},
    {"mhsa", "CGA -> MHSA", "mixer=mhsa", "5", 0},
    {"no_cascade", "cascade -> none", "cascade=off", "6", 0},
    {"no_allocation", "QKV allocation -> none", "qk_dim=v", "7", 0},
    {"ffn_ratio_4", "FFN ratio: 2 -> 4", "ffn_ratio=4", "8", 0},
    {"no_dwconv", "DWConv -> none", "token_interaction=off", "9", 0},
    {"layer_norm", "BN -> LN", "norm=ln", "10", 0},
    {"hswish", "ReLU -> HSwish", "act=hswish", "11", 0},
};

static struct vit_ablation ablation = {
    .row = rows, .n = sizeof rows / sizeof rows[0], .paper_file = "table6_ablation.csv", .paper_key = {"row", NULL}};

static int plan(struct vit_reproduction *r)
{
    return vit_ablation_plan(&ablation, r);
}

static int finish(struct vit_reproduction *r)
{
    return vit_ablation_finish(&ablation, r);
}

const struct vit_reproduction_def vit_reproduction_table6 = {
    .name = "table6",
    .title = "Table 6: ablation of EfficientViT-M4",
    .detail =
        "  Parameters, multiply-accumulates, traffic and speed (in pairs with M4) of each variant, as it is and "
        "scaled\n"
        "  to M4's throughput (the paper rescaled its variants in a way that it does not tell). Accuracy is that of a\n"
        "  proxy: a quarter of M4's widths on Fashion-MNIST (--data: other images), both forms.\n"
        "  quick: no training; normal: 20000 images, 4 epochs; full: all, 30 epochs.\n",
    .plan = plan,
    .finish = finish,
};
