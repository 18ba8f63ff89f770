/* SPDX-License-Identifier: MIT */
/* fake_blas.c - stands for an OpenBLAS that is older than the processor: it takes its oldest kernel, unless the
 * variable says which, as the true one does while it is loaded. Its products are plain loops. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

static char kernel[32] = "Prescott";

static void __attribute__((constructor)) choose(void)
{
    const char *told = getenv("OPENBLAS_CORETYPE");
    if (told)
        snprintf(kernel, sizeof kernel, "%s", told);
}

char *openblas_get_corename(void)
{
    return kernel;
}

char *openblas_get_config(void)
{
    static char config[] = "OpenBLAS that stands for one";
    return config;
}

void openblas_set_num_threads(int threads)
{
    (void)threads;
}

#define GEMM(name, real)                                                                                            \
    void name(CBLAS_ORDER order, CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, blasint m, blasint n, blasint k, \
              real alpha, const real *a, blasint lda, const real *b, blasint ldb, real beta, real *c, blasint ldc)  \
    {                                                                                                               \
        (void)order;                                                                                                \
        for (int i = 0; i < m; i++)                                                                                 \
            for (int j = 0; j < n; j++) {                                                                           \
                real sum = 0;                                                                                       \
                for (int l = 0; l < k; l++)                                                                         \
                    sum += (trans_a == CblasTrans ? a[l * lda + i] : a[i * lda + l]) *                              \
                           (trans_b == CblasTrans ? b[j * ldb + l] : b[l * ldb + j]);                               \
                c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);                             \
            }                                                                                                       \
    }

GEMM(cblas_sgemm, float)
GEMM(cblas_dgemm, double)
