/* SPDX-License-Identifier: MIT */
/* config.h - the numbers that define a network, and their text: settings such as "embed_dim=64,128,192 act=hswish".
 * Variants of a study (arXiv 2305.07027, tables 1 and 6, figures 3, 4 and 7) and pruned networks are configurations. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum { VIT_MAX_STAGES = 4, VIT_MAX_KERNELS = 8, VIT_MAX_BLOCKS = 64, VIT_MAX_SANDWICH = 3 };
enum {
    VIT_MAX_BLOCK_LAYERS = 2 * VIT_MAX_SANDWICH + 1,
    VIT_MAX_LAYERS = VIT_MAX_BLOCKS * VIT_MAX_BLOCK_LAYERS,
    VIT_MAX_CONFIG_SETTINGS = 65536 /* characters of a text of settings */
};

enum vit_norm { VIT_NORM_LAYER, VIT_NORM_BATCH };
enum vit_act { VIT_ACT_RELU, VIT_ACT_GELU, VIT_ACT_HSWISH, VIT_ACT_SILU };
enum vit_mixer { VIT_MIXER_CGA, VIT_MIXER_MHSA };
enum vit_block { VIT_BLOCK_SANDWICH, VIT_BLOCK_SWIN };
enum vit_pool { VIT_POOL_TOKEN, VIT_POOL_MEAN };
enum vit_network {
    VIT_NETWORK_MOBILENET_V2,
    VIT_NETWORK_MOBILENET_V3_LARGE,
    VIT_NETWORK_MOBILENET_V3_SMALL,
    VIT_NETWORK_EFFICIENTNET_B0
};

/* Widths of one block where they are not those of its stage: a pruned block. 0: as the stage has it. */
struct vit_block_widths {
    int heads, qk_dim, v_dim;
    int ffn_dim[VIT_MAX_BLOCK_LAYERS]; /* of the FFNs of the block in their order */
};

/* What each number means, and which families know it, stands in the table of config.c (vit_config_print_settings). */
struct vit_model_config {
    int img, classes, patch, stages;
    int embed_dim[VIT_MAX_STAGES], depth[VIT_MAX_STAGES], heads[VIT_MAX_STAGES];
    int window[VIT_MAX_STAGES]; /* largest side of an attention window */
    double ffn_ratio[VIT_MAX_STAGES], v_ratio[VIT_MAX_STAGES];
    int qk_dim[VIT_MAX_STAGES];   /* of a head; 0: as wide as the value */
    int kernels[VIT_MAX_KERNELS]; /* of head h; 0: as the head before */
    enum vit_mixer mixer;
    enum vit_block block;
    enum vit_norm norm;
    enum vit_act act;
    enum vit_pool pool;       /* deit: what the head reads */
    enum vit_network network; /* mobilenet: its table of blocks */
    int sandwich;
    bool cascade, query_conv, token_interaction, head_split, distilled;
    double mhsa_share;               /* below 0: layers as the block has them */
    char layers[VIT_MAX_LAYERS + 1]; /* "AFFAFF": attention and FFN layers of the network; "": as the block has them */
    double drop, drop_path;
    struct vit_block_widths width[VIT_MAX_BLOCKS]; /* of block i of the whole network */
    int merge_ffn_dim[VIT_MAX_STAGES][2];          /* EfficientViT: of the FFNs before and after the merge to stage i */
};

/* Changes config by settings NAME=VALUE[,VALUE...] separated by blanks; a list has one value per stage (of kernels: per
 * head), one value stands for all. Their order does not matter, except that the last of the same name counts. Nothing
 * changes where it fails: VIT_EINVAL names the setting and what would be right. The text may come from anywhere. */
int vit_config_set(struct vit_model_config *config, const char *family, const char *settings);

/* VIT_EINVAL with the reason for a network that cannot exist. */
int vit_config_check(const struct vit_model_config *config, const char *family);

/* All that the family knows, as settings: vit_config_set with it gives the same network from any variant of the family.
 * The caller frees it; NULL when memory ran out. */
char *vit_config_text(const struct vit_model_config *config, const char *family);

/* The settings that differ from those of `from`, separated by one blank; "" where none does. The caller frees it. */
char *vit_config_differences(const struct vit_model_config *config, const struct vit_model_config *from,
                             const char *family);

/* All settings with their values, families and examples: for help. */
void vit_config_print_settings(FILE *file);
