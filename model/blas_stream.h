/* SPDX-License-Identifier: MIT */
/* blas_stream.h - the memory that OpenBLAS touches in one product on one thread, from the blocking of its sources. */
#pragma once

#include "model/access.h"
#include "model/blas.h"

#include <stdbool.h>

/* OpenBLAS packs blocks into memory of its own whose address it does not tell: streams name bytes of this range, which
 * no program has, instead. */
#define VIT_GEMM_BUFFER ((uintptr_t)1 << 44)
enum { VIT_GEMM_BUFFER_BYTES = 1 << 28 };

/* What vit_gemm(g) touches with the core type that OpenBLAS has chosen (vit_blas_kernel()). */
void vit_gemm_stream(struct vit_access *access, const struct vit_gemm *g);

/* Whether the blocking of this core type was taken from its sources and compared with Callgrind; for others streams
 * follow a blocking that is only alike. */
bool vit_gemm_stream_known(void);
