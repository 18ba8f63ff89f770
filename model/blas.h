/* SPDX-License-Identifier: MIT */
/* blas.h - the only door to OpenBLAS. OpenBLAS runs one thread per call; operators share out calls over the pool
 * (model/base/parallel.h), so results do not depend on the number of threads. */
#pragma once

#include "model/base/real.h"

#include <stdbool.h>

/* Loads OpenBLAS, sets it to one thread and checks one product against plain loops: builds that do not know the
 * processor are known to compute wrong results. VIT_ENOTSUP names the cure. Cheap after the first call. Must have given
 * VIT_OK before vit_gemm: vit_exec_open calls it for plans with a kernel that is marked blas. */
int vit_blas_open(void);

/* "OpenBLAS 0.3.21 ...", and the kernel in use: "Haswell"; "not installed" where it is not. */
const char *vit_blas_version(void);
const char *vit_blas_kernel(void);

/* An OpenBLAS that is older than the processor takes the kernel of the oldest one it knows, "Prescott", a quarter as
 * fast as what the processor runs: then it is loaded anew with a kernel of the processor's vector extensions, unless
 * OPENBLAS_CORETYPE says which to take. The name of the kernel that was given up so; NULL: none was. */
const char *vit_blas_given_up(void);

/* Row-major C (m, n) = alpha * op(A) op(B) + beta * C; op(A) is (m, k), op(B) is (k, n); ld: elements between rows. */
struct vit_gemm {
    bool trans_a, trans_b;
    int m, n, k;
    vit_real alpha, beta;
    const vit_real *a;
    int lda;
    const vit_real *b;
    int ldb;
    vit_real *c;
    int ldc;
};

void vit_gemm(const struct vit_gemm *g);
