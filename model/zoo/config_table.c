/* SPDX-License-Identifier: MIT */
#include "model/zoo/config_table.h"

#define AT(field) offsetof(struct vit_model_config, field)
#define ALL "efficientvit deit swin"

enum { WIDEST = 65536 };

const struct vit_setting vit_settings[] = {
    {"stages", "efficientvit swin", VIT_SETTING_WHOLE, VIT_SETTING_ONE, AT(stages), 1, VIT_MAX_STAGES,
     .help = "number of stages; further ones begin as copies of the last"},
    {"img", ALL " mobilenet", VIT_SETTING_WHOLE, VIT_SETTING_ONE, AT(img), 1, 4096,
     .help = "side of the input in pixels"},
    {"classes", ALL " mobilenet", VIT_SETTING_WHOLE, VIT_SETTING_ONE, AT(classes), 1, 1000000,
     .help = "classes of the head"},
    {"network", "mobilenet", VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(network),
     .choices = "mobilenet_v2 mobilenet_v3_large mobilenet_v3_small efficientnet_b0", .help = "table of blocks"},
    {"patch", ALL, VIT_SETTING_WHOLE, VIT_SETTING_ONE, AT(patch), 1, 64,
     .help = "side of a patch in pixels; efficientvit: a power of two, one convolution of stride 2 for each halving"},
    {"embed_dim", ALL, VIT_SETTING_WHOLE, VIT_SETTING_STAGES, AT(embed_dim), 1, WIDEST, .help = "embedding width"},
    {"depth", ALL, VIT_SETTING_WHOLE, VIT_SETTING_STAGES, AT(depth), 0, VIT_MAX_BLOCKS, .help = "blocks"},
    {"heads", ALL, VIT_SETTING_WHOLE, VIT_SETTING_STAGES, AT(heads), 1, 1024, .help = "attention heads"},
    {"window", "efficientvit swin", VIT_SETTING_WHOLE, VIT_SETTING_STAGES, AT(window), 1, 4096,
     .help = "largest side of an attention window in tokens"},
    {"ffn_ratio", ALL, VIT_SETTING_REAL, VIT_SETTING_STAGES, AT(ffn_ratio), 0.001, 64,
     .help = "hidden width of an FFN by its width, to the nearest whole number, at least 1"},
    {"qk_dim", ALL, VIT_SETTING_WHOLE, VIT_SETTING_STAGES, AT(qk_dim), 1, WIDEST, .word = "v", .word_value = 0,
     .help = "width of query and key of a head; v: as wide as the value, no reallocation"},
    {"v_ratio", ALL, VIT_SETTING_REAL, VIT_SETTING_STAGES, AT(v_ratio), 0.001, 64,
     .help = "width of a head's value by its share of the width, to the nearest whole number, at least 1"},
    {"kernels", "efficientvit", VIT_SETTING_WHOLE, VIT_SETTING_HEADS, AT(kernels), 1, 63,
     .help = "side of the depthwise convolution on the query, by head; further heads as the last"},
    {"mixer", "efficientvit", VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(mixer), .choices = "cga mhsa",
     .help = "cga: a head sees its slice; mhsa: all channels, and there is no cascade"},
    {"cascade", "efficientvit", VIT_SETTING_SWITCH, VIT_SETTING_ONE, AT(cascade),
     .help = "cga: a head's slice has the head before added (cut or filled with zeros to its width)"},
    {"query_conv", "efficientvit", VIT_SETTING_SWITCH, VIT_SETTING_ONE, AT(query_conv),
     .help = "depthwise convolution on the query"},
    {"token_interaction", "efficientvit", VIT_SETTING_SWITCH, VIT_SETTING_ONE, AT(token_interaction),
     .help = "depthwise convolution before an FFN"},
    {"block", "efficientvit", VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(block), .choices = "sandwich swin",
     .help = "sandwich: FFNs around the mixer; swin: mixer, one FFN, no depthwise convolution in the block"},
    {"sandwich", "efficientvit", VIT_SETTING_WHOLE, VIT_SETTING_ONE, AT(sandwich), 1, VIT_MAX_SANDWICH,
     .help = "FFNs on each side of the mixer of a sandwich"},
    {"head_split", "deit swin", VIT_SETTING_SWITCH, VIT_SETTING_ONE, AT(head_split),
     .help = "a head sees its slice of the channels alone, as cga without its cascade"},
    {"pool", "deit", VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(pool), .choices = "token mean",
     .help = "what the head reads: the class token, or the mean over the patches, for networks without attention"},
    {"norm", ALL, VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(norm), .choices = "ln bn",
     .help = "layer norm or batch norm, everywhere"},
    {"act", ALL, VIT_SETTING_CHOICE, VIT_SETTING_ONE, AT(act), .choices = "relu gelu hswish silu",
     .help = "activation; that of squeeze-excite stays relu"},
    {"mhsa_share", ALL, VIT_SETTING_REAL, VIT_SETTING_ONE, AT(mhsa_share), 0, 1, .word = "usual", .word_value = -1,
     .help = "attention layers by all layers, evenly spread over the network; their number stays; 0: deit needs\n"
             "                     pool=mean to learn anything"},
    {"layers", ALL, VIT_SETTING_LAYERS, VIT_SETTING_ONE, AT(layers), .word = "usual",
     .help = "the same layer by layer: A attention, F FFN, for example AFFAFF of three blocks of deit"},
    {"distilled", "efficientvit deit", VIT_SETTING_SWITCH, VIT_SETTING_ONE, AT(distilled),
     .help = "a second head (deit: on a token of its own) that learns from a teacher"},
    {"drop", ALL " mobilenet", VIT_SETTING_REAL, VIT_SETTING_ONE, AT(drop), 0, 0.99,
     .help = "training: rate of dropout; deit, swin: tokens, projections and FFNs; efficientvit: before the head"},
    {"drop_path", ALL, VIT_SETTING_REAL, VIT_SETTING_ONE, AT(drop_path), 0, 0.99,
     .help = "training: rate of left-out residual branches; deit, swin: from 0 at the first block to this at the last"},
};
const int vit_n_settings = (int)(sizeof vit_settings / sizeof vit_settings[0]);

#define BLOCK_AT(field) \
    AT(width) + offsetof(struct vit_block_widths, field), sizeof(struct vit_block_widths), VIT_MAX_BLOCKS

const struct vit_indexed_setting vit_indexed_settings[] = {
    {"heads", ALL, BLOCK_AT(heads), 1, "heads of one block"},
    {"qk_dim", ALL, BLOCK_AT(qk_dim), 1, "width of query and key of each head of one block"},
    {"v_dim", ALL, BLOCK_AT(v_dim), 1, "width of the value of each head of one block"},
    {"ffn_dim", ALL, BLOCK_AT(ffn_dim), VIT_MAX_BLOCK_LAYERS,
     "hidden width of the FFNs of one block: one for all, or each in its order"},
    {"merge_ffn_dim", "efficientvit", AT(merge_ffn_dim), sizeof(int[2]), VIT_MAX_STAGES, 2,
     "hidden width of the FFNs before and after the merge to a stage"},
};
const int vit_n_indexed_settings = (int)(sizeof vit_indexed_settings / sizeof vit_indexed_settings[0]);
