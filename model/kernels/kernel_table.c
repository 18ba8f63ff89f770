/* SPDX-License-Identifier: MIT */
/* kernel_table.c - the kernels of one instruction set as a table; see model/kernel_set.h. */
#include "model/kernel_set.h"
#include "model/kernels/isa.h"

#define VIT_TEXT_AGAIN(x) #x
#define VIT_TEXT(x) VIT_TEXT_AGAIN(x)

extern const struct vit_kernel_set VIT_KERNEL_NAME(set);

const struct vit_kernel_set VIT_KERNEL_NAME(set) = {
    .isa = VIT_TEXT(VIT_ISA),
    .lanes = VIT_LANES,
#define VIT_KERNEL(name, parameters) .name = VIT_KERNEL_NAME(name),
#include "model/kernels/kernels.def"
#undef VIT_KERNEL
};
