/* SPDX-License-Identifier: MIT */
#include "model/blas.h"

#include "model/base/status.h"
#include "model/kernel_set.h"

#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef VIT_REAL_DOUBLE
#define GEMM cblas_dgemm
#else
#define GEMM cblas_sgemm
#endif
#define NAME_OF(function) #function
#define NAME(function) NAME_OF(function)

/* Loaded when first asked for: OpenBLAS starts a thread per processor, and three megabytes with its libraries, in
 * programs that never multiply by it. All NULL if it is not there. */
static struct {
    __typeof__(GEMM) *gemm;
    __typeof__(openblas_get_config) *get_config;
    __typeof__(openblas_get_corename) *get_corename;
    __typeof__(openblas_set_num_threads) *set_num_threads;
} openblas;

static char trouble[256], given_up[32];

static void *open_functions(void)
{
    static const char *const function[] = {NAME(GEMM), "openblas_get_config", "openblas_get_corename",
                                           "openblas_set_num_threads"};
    enum { N = sizeof function / sizeof function[0] };
    void *address[N];
    _Static_assert(sizeof openblas == sizeof address, "a pointer per name");
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
    for (int i = 0; i < N && all; i++)
        all = (address[i] = dlsym(library, function[i])) != NULL;
    if (all)
        memcpy(&openblas, address, sizeof openblas);
    else
        snprintf(trouble, sizeof trouble, "%s", dlerror());
    return all ? library : NULL;
}

/* What OpenBLAS takes where it does not know the processor, and what runs there. NULL: all is well. */
static const char *better_kernel(const char *kernel)
{
    static const char *const known[][2] = {{"v4", "SkylakeX"}, {"v3", "Haswell"}};
    if (strcmp(kernel, "Prescott") != 0 || getenv("OPENBLAS_CORETYPE"))
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(vit_kernel_sets()[0]->isa, known[i][0]) == 0)
            return known[i][1];
    return NULL;
}

/* The kernel is chosen while the library is loaded, by the variable or by the processor. The variable is not left to
 * programs that this one starts: an emulated processor may not have what this one has. */
static void load(void)
{
    void *library = open_functions();
    const char *better = library ? better_kernel(openblas.get_corename()) : NULL;
    if (!better)
        return;
    snprintf(given_up, sizeof given_up, "%s", openblas.get_corename());
    memset(&openblas, 0, sizeof openblas); /* where it cannot be loaded again it is not there */
    dlclose(library);
    setenv("OPENBLAS_CORETYPE", better, 1);
    (void)open_functions();
    unsetenv("OPENBLAS_CORETYPE");
}

static bool is_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return openblas.gemm != NULL;
}

const char *vit_blas_version(void)
{
    return is_loaded() ? openblas.get_config() : "not installed";
}

const char *vit_blas_kernel(void)
{
    return is_loaded() ? openblas.get_corename() : "not installed";
}

const char *vit_blas_given_up(void)
{
    return is_loaded() && *given_up ? given_up : NULL;
}

void vit_gemm(const struct vit_gemm *g)
{
    CBLAS_TRANSPOSE trans_a = g->trans_a ? CblasTrans : CblasNoTrans, trans_b = g->trans_b ? CblasTrans : CblasNoTrans;
    openblas.gemm(CblasRowMajor, trans_a, trans_b, g->m, g->n, g->k, g->alpha, g->a, g->lda, g->b, g->ldb, g->beta,
                  g->c, g->ldc);
}

/* Sides that are no multiple of any kernel's tile, so that edges are checked too. */
static bool product_is_right(bool trans_b)
{
    enum { M = 37, N = 29, K = 53 };
    vit_real a[M * K], b[K * N], c[M * N];
    for (int i = 0; i < M * K; i++)
        a[i] = (vit_real)((i * 7) % 11 - 5);
    for (int i = 0; i < K * N; i++)
        b[i] = (vit_real)((i * 5) % 13 - 6);
    vit_gemm(&(struct vit_gemm){.trans_b = trans_b,
                                .m = M,
                                .n = N,
                                .k = K,
                                .alpha = 1,
                                .a = a,
                                .lda = K,
                                .b = b,
                                .ldb = trans_b ? K : N,
                                .c = c,
                                .ldc = N});
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += (double)a[i * K + k] * (double)b[trans_b ? j * K + k : k * N + j];
            if (!(fabs((double)c[i * N + j] - sum) < 0.5)) /* small integers: exact in any order */
                return false;
        }
    return true;
}

static int check_status;

static void check_once(void)
{
    openblas.set_num_threads(1);
    check_status = product_is_right(false) && product_is_right(true) ? VIT_OK : VIT_ENOTSUP;
}

int vit_blas_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!is_loaded())
        return vit_fail(VIT_ENOTSUP, "OpenBLAS is not installed: apt-get install libopenblas0 (%s)", trouble);
    pthread_once(&once, check_once);
    if (check_status != VIT_OK)
        return vit_fail(check_status,
                        "OpenBLAS computes wrong products with its kernel \"%s\" on this processor; "
                        "set OPENBLAS_CORETYPE=Haswell (or a kernel that the processor has)",
                        vit_blas_kernel());
    return VIT_OK;
}
