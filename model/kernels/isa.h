/* SPDX-License-Identifier: MIT */
/* isa.h - for the sources of model/kernels/: each is compiled once per instruction set with VIT_ISA=generic, v3 or v4
 * (x86-64 levels: AVX2 and AVX-512), and VIT_KERNEL_NAME(x) gives x a name of its own in each. */
#pragma once

#include "model/base/real.h"

#include <stdint.h>

#define VIT_PASTE_AGAIN(name, isa) vit_kernel_##name##_##isa
#define VIT_PASTE(name, isa) VIT_PASTE_AGAIN(name, isa)
#define VIT_KERNEL_NAME(name) VIT_PASTE(name, VIT_ISA)

struct vit_access;         /* model/access.h */
struct vit_channel;        /* model/kernels/channel.h */
struct vit_depthwise;      /* model/kernels/conv_shape.h */
struct vit_depthwise_back; /* model/kernels/conv_shape.h */
struct vit_layer_norm;     /* model/kernels/layer_norm.h */
struct vit_panel_product;  /* model/kernels/panel.h */
struct vit_phases;         /* model/kernels/phases.h */

#define VIT_KERNEL(name, parameters) void VIT_KERNEL_NAME(name) parameters;
#include "model/kernels/kernels.def"
#undef VIT_KERNEL

/* One vector register: plain C operators work on all lanes (a GCC and clang extension). */
#if defined(__AVX512F__)
#define VIT_VECTOR_BYTES 64
#elif defined(__AVX__)
#define VIT_VECTOR_BYTES 32
#else
#define VIT_VECTOR_BYTES 16
#endif
typedef vit_real vit_vector __attribute__((vector_size(VIT_VECTOR_BYTES), aligned(sizeof(vit_real)), may_alias));
enum { VIT_LANES = VIT_VECTOR_BYTES / (int)sizeof(vit_real) };
