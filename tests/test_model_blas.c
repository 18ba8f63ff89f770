/* SPDX-License-Identifier: MIT */
/* OpenBLAS is loaded when first asked for: it computes after that, and where it is missing one message says so. */
#include "model/blas.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;

/* (2, 3) by (3, 2), both also transposed, onto a C that is kept by half: small integers, exact in any order. */
static void test_blas_multiplies_once_opened(void **state)
{
    (void)state;
    static const vit_real a[2][6] = {{1, 2, 3, 4, 5, 6}, {1, 4, 2, 5, 3, 6}};
    static const vit_real b[2][6] = {{1, 0, 2, 1, 0, 3}, {1, 2, 0, 0, 1, 3}};
    static const vit_real want[4] = {5 + 5, 11 + 5, 14 + 5, 23 + 5};
    assert_ok(vit_blas_open());
    assert_ok(vit_blas_open());
    assert_non_null(strstr(vit_blas_version(), "OpenBLAS"));
    assert_true(vit_blas_kernel()[0] != '\0');
    for (int i = 0; i < 4; i++) {
        bool trans_a = i & 1, trans_b = i >> 1;
        vit_real c[4] = {10, 10, 10, 10};
        vit_gemm(&(struct vit_gemm){.trans_a = trans_a,
                                    .trans_b = trans_b,
                                    .m = 2,
                                    .n = 2,
                                    .k = 3,
                                    .alpha = 1,
                                    .beta = (vit_real)0.5,
                                    .a = a[trans_a],
                                    .lda = trans_a ? 2 : 3,
                                    .b = b[trans_b],
                                    .ldb = trans_b ? 3 : 2,
                                    .c = c,
                                    .ldc = 2});
        assert_memory_equal(c, want, sizeof want);
    }
}

/* In a process that finds files of OpenBLAS's names that are no libraries. */
static int run_without_library(void)
{
    int status = vit_blas_open();
    bool said = strstr(vit_error(), "OpenBLAS is not installed: apt-get install libopenblas0") != NULL;
    bool named = strcmp(vit_blas_version(), "not installed") == 0 && strcmp(vit_blas_kernel(), "not installed") == 0;
    return status == VIT_ENOTSUP && said && named ? 0 : 1;
}

static void test_blas_without_its_library_names_the_package(void **state)
{
    (void)state;
    static const char *const name[] = {"libopenblas.so.0", "libopenblas.so"};
    char folder[] = "/tmp/blas_XXXXXX", path[2][64];
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", folder, name[i]);
        FILE *file = fopen(path[i], "w");
        assert_non_null(file);
        fputs("no library", file);
        fclose(file);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("LD_LIBRARY_PATH", folder, 1);
        execl(program, program, "without-library", (char *)NULL);
        _exit(127);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    for (int i = 0; i < 2; i++)
        unlink(path[i]);
    rmdir(folder);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1)
        return run_without_library();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blas_multiplies_once_opened),
        cmocka_unit_test(test_blas_without_its_library_names_the_package),
    };
    return cmocka_run_group_tests_name("model_blas", tests, NULL, NULL);
}
