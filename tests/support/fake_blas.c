/* SPDX-License-Identifier: MIT */
/* fake_blas.c - stands for an OpenBLAS that is older than the processor: it takes its oldest kernel, unless the
 * variable says which, as the true one does while it is loaded. Its products are plain loops, row-major. */
#include <stdio.h>
#include <stdlib.h>

enum { TRANSPOSED = 112 }; /* CblasTrans */

/* Found by name, so no header declares them; the enumerations of cblas.h are ints to a caller. */
#define GEMM(name, real)                                                                                    \
    void name(int order, int trans_a, int trans_b, int m, int n, int k, real alpha, const real *a, int lda, \
              const real *b, int ldb, real beta, real *c, int ldc);                                         \
    void name(int order, int trans_a, int trans_b, int m, int n, int k, real alpha, const real *a, int lda, \
              const real *b, int ldb, real beta, real *c, int ldc)                                          \
    {                                                                                                       \
        (void)order;                                                                                        \
        for (int i = 0; i < m; i++)                                                                         \
            for (int j = 0; j < n; j++) {                                                                   \
                real sum = 0;                                                                               \
                for (int l = 0; l < k; l++)                                                                 \
                    sum += (trans_a == TRANSPOSED ? a[l * lda + i] : a[i * lda + l]) *                      \
                           (trans_b == TRANSPOSED ? b[j * ldb + l] : b[l * ldb + j]);                       \
                c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);                     \
            }                                                                                               \
    }

GEMM(cblas_sgemm, float)
GEMM(cblas_dgemm, double)

char *openblas_get_corename(void);
char *openblas_get_config(void);
void openblas_set_num_threads(int threads);

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
