/* SPDX-License-Identifier: MIT */
/* OpenBLAS is loaded when first asked for: it computes after that, where it is missing one message says so, and where
 * it is older than the processor it gets a kernel that the processor runs. */
#include "model/blas.h"
#include "model/kernel_set.h"
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

/* Exit code of this program, started anew where libraries of the folder come first. */
static int run_in(const char *folder, const char *what, const char *kernel)
{
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("LD_LIBRARY_PATH", folder, 1);
        if (kernel)
            setenv("OPENBLAS_CORETYPE", kernel, 1);
        else
            unsetenv("OPENBLAS_CORETYPE");
        execl(program, program, what, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
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
    const int result = run_in(folder, "without-library", NULL);
    for (int i = 0; i < 2; i++)
        unlink(path[i]);
    rmdir(folder);
    assert_int_equal(result, 0);
}

/* In a process whose OpenBLAS takes the kernel of its oldest processor, unless it is told which. */
static int run_with_old_library(bool told)
{
    const char *isa = vit_kernel_sets()[0]->isa, *wanted = told                     ? "Nehalem"
                                                           : strcmp(isa, "v4") == 0 ? "SkylakeX"
                                                           : strcmp(isa, "v3") == 0 ? "Haswell"
                                                                                    : "Prescott";
    if (vit_blas_open() != VIT_OK || strcmp(vit_blas_kernel(), wanted) != 0)
        return 1;
    const bool changed = !told && strcmp(wanted, "Prescott") != 0;
    if (changed != (vit_blas_given_up() != NULL) || (changed && strcmp(vit_blas_given_up(), "Prescott") != 0))
        return 2;
    return told == (getenv("OPENBLAS_CORETYPE") != NULL) ? 0 : 3;
}

static void test_blas_that_does_not_know_the_processor_gets_a_kernel_of_it(void **state)
{
    (void)state;
    char folder[] = "/tmp/blas_XXXXXX", link[64], *library, *end = strrchr(program, '/');
    assert_non_null(end);
    assert_true(asprintf(&library, "%.*s/fake_blas.so", (int)(end - program), program) > 0);
    char *whole = realpath(library, NULL);
    assert_non_null(whole);
    assert_non_null(mkdtemp(folder));
    snprintf(link, sizeof link, "%s/libopenblas.so.0", folder);
    assert_int_equal(symlink(whole, link), 0);
    for (int told = 0; told < 2; told++)
        assert_int_equal(run_in(folder, told ? "told" : "old-library", told ? "Nehalem" : NULL), 0);
    unlink(link);
    rmdir(folder);
    free(whole);
    free(library);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1)
        return strcmp(argv[1], "without-library") == 0 ? run_without_library()
                                                       : run_with_old_library(strcmp(argv[1], "told") == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blas_multiplies_once_opened),
        cmocka_unit_test(test_blas_without_its_library_names_the_package),
        cmocka_unit_test(test_blas_that_does_not_know_the_processor_gets_a_kernel_of_it),
    };
    return cmocka_run_group_tests_name("model_blas", tests, NULL, NULL);
}
