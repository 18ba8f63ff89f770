/* SPDX-License-Identifier: MIT */
#include "analysis/paper_class.h"

const struct vit_paper_class vit_paper_class[VIT_N_PAPER_CLASSES] = {
    {"Tensor Multiplication", false},
    {"Reshape", true},
    {"Normalization", true},
    {"Copy", true},
    {"Addition", true},
    {"Others", false},
};

/* The memory layout changes of attention and windows are what PyTorch runs as reshape and permute copies; rolls, pads,
 * crops, slices, joins and table look-ups are its copies. */
static const struct {
    enum vit_op_kind kind;
    int index;
} class_map[] = {
    {VIT_OP_linear, 0},
    {VIT_OP_matmul, 0},
    {VIT_OP_conv2d, 0},
    {VIT_OP_depthwise_conv2d, 0},
    {VIT_OP_permute, 1},
    {VIT_OP_window_partition, 1},
    {VIT_OP_window_reverse, 1},
    {VIT_OP_layer_norm, 2},
    {VIT_OP_batch_norm_train, 2},
    {VIT_OP_batch_norm, 2},
    {VIT_OP_concat, 3},
    {VIT_OP_slice, 3},
    {VIT_OP_pad, 3},
    {VIT_OP_crop, 3},
    {VIT_OP_roll, 3},
    {VIT_OP_position_bias, 3},
    {VIT_OP_add, 4},
};

int vit_paper_class_of(enum vit_op_kind kind)
{
    for (size_t i = 0; i < sizeof class_map / sizeof class_map[0]; i++)
        if (class_map[i].kind == kind)
            return class_map[i].index;
    return VIT_N_PAPER_CLASSES - 1;
}
