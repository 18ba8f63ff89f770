/* SPDX-License-Identifier: MIT */
/* The arena: zeroed, aligned, disjoint memory that does not move. */
#include "model/base/arena.h"
#include "tests/support/test.h"

static void test_arena_memory_is_zeroed_aligned_and_disjoint(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct vit_arena arena = {0};
    static unsigned char *object[N];
    size_t used = 0;
    for (int i = 0; i < N; i++) {
        size_t size = (size_t)(i * 37 % 301 + 1);
        object[i] = vit_arena_alloc(&arena, 1, size);
        used += size;
        assert_non_null(object[i]);
        assert_int_equal((uintptr_t)object[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(object[i][k], 0);
        memset(object[i], i % 255 + 1, size);
    }
    for (int i = 0; i < N; i++) /* an overlap or a move would have changed a value */
        for (size_t k = 0; k < (size_t)(i * 37 % 301 + 1); k++)
            assert_int_equal(object[i][k], i % 255 + 1);
    assert_int_equal(arena.used_bytes, used);
    vit_arena_close(&arena);
    assert_null(arena.newest);
    assert_int_equal(arena.used_bytes, 0);
}

static void test_arena_takes_objects_larger_than_a_block(void **state)
{
    (void)state;
    struct vit_arena arena = {0};
    char *small = vit_arena_alloc(&arena, 1, 8);
    enum { LARGE = 1 << 20 };
    unsigned char *large = vit_arena_alloc(&arena, LARGE, 1);
    assert_non_null(large);
    for (int i = 0; i < LARGE; i++)
        assert_int_equal(large[i], 0);
    memset(large, 7, LARGE);
    assert_int_equal(small[0], 0);
    vit_arena_close(&arena);
}

static void test_arena_refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct vit_arena arena = {0};
    assert_null(vit_arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_non_null(strstr(vit_error(), "address space"));
    assert_null(vit_arena_alloc(&arena, SIZE_MAX, 1));
    assert_int_equal(arena.used_bytes, 0);
    vit_arena_close(&arena);
}

static void test_arena_prints(void **state)
{
    (void)state;
    struct vit_arena arena = {0};
    char *empty = vit_arena_print(&arena, "%s", "");
    char *name = vit_arena_print(&arena, "blocks.%d.%s", 11, "attn");
    assert_string_equal(empty, "");
    assert_string_equal(name, "blocks.11.attn");
    vit_arena_close(&arena);
    vit_arena_close(&arena); /* an empty arena may be closed again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_memory_is_zeroed_aligned_and_disjoint),
        cmocka_unit_test(test_arena_takes_objects_larger_than_a_block),
        cmocka_unit_test(test_arena_refuses_sizes_that_overflow),
        cmocka_unit_test(test_arena_prints),
    };
    return cmocka_run_group_tests_name("base_arena", tests, NULL, NULL);
}
