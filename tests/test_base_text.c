/* SPDX-License-Identifier: MIT */
/* Names in a list that is one text. */
#include "model/base/text.h"
#include "tests/support/test.h"

static void test_text_listed_are_whole_words(void **state)
{
    (void)state;
    assert_true(vit_text_listed("img format", "img"));
    assert_true(vit_text_listed("img format", "format"));
    assert_false(vit_text_listed("img format", "form"));
    assert_false(vit_text_listed("img format", "mg"));
    assert_true(vit_text_listed("min-time time", "time"));
    assert_false(vit_text_listed("min-time", "time"));
    assert_false(vit_text_listed("", "img"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_listed_are_whole_words),
    };
    return cmocka_run_group_tests_name("base_text", tests, NULL, NULL);
}
