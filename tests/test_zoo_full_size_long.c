/* SPDX-License-Identifier: MIT */
/* Models at their published size: variants and thread counts agree. test_zoo_models.c does the same with small ones. */
#include "tests/support/model_run.h"
#include "tests/support/test.h"

static void test_efficientvit_agrees_with_itself(void **state)
{
    (void)state;
    check_model_agreement("efficientvit_m0");
}

static void test_deit_agrees_with_itself(void **state)
{
    (void)state;
    check_model_agreement("deit_tiny");
}

static void test_swin_agrees_with_itself(void **state)
{
    (void)state;
    check_model_agreement("swin_tiny");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_efficientvit_agrees_with_itself),
        cmocka_unit_test(test_deit_agrees_with_itself),
        cmocka_unit_test(test_swin_agrees_with_itself),
    };
    return cmocka_run_group_tests_name("zoo_full_size", tests, NULL, NULL);
}
